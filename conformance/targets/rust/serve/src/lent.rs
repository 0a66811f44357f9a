//! [`Error::reading`] and [`Error::writing`] for what is no [`std::error::Error`] but lends one, as `anyhow::Error` does.

use std::error::Error as StdError;

use crate::Error;

/// As [`Error::reading`].
pub fn reading(error: impl AsRef<dyn StdError>) -> Error {
    Error::reading(error.as_ref())
}

/// As [`Error::writing`].
pub fn writing(error: impl AsRef<dyn StdError>) -> Error {
    Error::writing(error.as_ref())
}

#[cfg(test)]
mod tests {
    use std::io;

    use serde_json::json;

    use super::*;

    struct Lender(io::Error);

    impl AsRef<dyn StdError> for Lender {
        fn as_ref(&self) -> &(dyn StdError + 'static) {
            &self.0
        }
    }

    #[test]
    fn what_is_lent_is_told_as_what_is_given() {
        let unnumbered = || Lender(io::Error::from(io::ErrorKind::UnexpectedEof));
        assert_eq!(reading(unnumbered()).to_json()["data"], json!({"kind": "corrupt"}));
        assert_eq!(writing(unnumbered()).to_json()["data"], json!({"kind": "io"}));
        assert_eq!(
            reading(Lender(io::Error::from_raw_os_error(5))).to_json()["data"],
            json!({"kind": "io", "errno": 5})
        );
    }
}
