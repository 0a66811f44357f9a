//! Why an operation is refused, and how the errors of a store get their kind.

use std::error::Error as StdError;
use std::{fmt, io};

use serde_json::{Value, json};

pub type Result<T> = std::result::Result<T, Error>;

/// The kinds of the protocol, and two that concern the request itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The id is refused; nothing was touched.
    InvalidId,
    /// The document is refused; nothing was touched.
    InvalidDocument,
    /// What is stored cannot be trusted.
    Corrupt,
    /// What is stored is of a newer major version.
    UnsupportedVersion,
    /// A revision is stale, or a lock could not be had in time; nothing was touched.
    Conflict,
    /// The operating system refused.
    Io,
    /// A write to a session that is not there; nothing was touched.
    NotFound,
    /// Anything else: always a defect.
    Internal,
    /// The adapter has no such method.
    NoMethod,
    /// A parameter is missing or cannot be decoded.
    InvalidParams,
}

impl Kind {
    fn code(self) -> i32 {
        match self {
            Self::InvalidId => -32001,
            Self::InvalidDocument => -32002,
            Self::Corrupt => -32003,
            Self::UnsupportedVersion => -32004,
            Self::Conflict => -32005,
            Self::Io => -32006,
            Self::NotFound => -32007,
            Self::Internal => -32603,
            Self::NoMethod => -32601,
            Self::InvalidParams => -32602,
        }
    }

    /// The kind's name in the protocol.
    fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::InvalidId => "invalid_id",
            Self::InvalidDocument => "invalid_document",
            Self::Corrupt => "corrupt",
            Self::UnsupportedVersion => "unsupported_version",
            Self::Conflict => "conflict",
            Self::Io => "io",
            Self::NotFound => "not_found",
            Self::Internal => "internal",
            Self::NoMethod | Self::InvalidParams => return None,
        })
    }
}

/// A refused operation: its kind, a text for people, and the operating system's number where known.
#[derive(Debug)]
pub struct Error {
    kind: Kind,
    text: String,
    errno: Option<i32>,
}

impl Error {
    pub fn new(kind: Kind, text: impl fmt::Display) -> Self {
        Self { kind, text: text.to_string(), errno: None }
    }

    /// The answer to a method that the store lacks.
    pub fn no_method() -> Self {
        Self::new(Kind::NoMethod, "no such method")
    }

    /// What went wrong while the store read: an I/O error without a number and JSON that cannot be read are `corrupt`.
    pub fn reading(error: &(dyn StdError + 'static)) -> Self {
        Self::caused(error, Kind::Corrupt, Kind::Corrupt)
    }

    /// What went wrong while the store wrote: JSON that cannot be written is `invalid_document`.
    pub fn writing(error: &(dyn StdError + 'static)) -> Self {
        Self::caused(error, Kind::Io, Kind::InvalidDocument)
    }

    /// By the type of the cause, never by its text. What is neither I/O nor JSON is `internal`.
    fn caused(error: &(dyn StdError + 'static), unnumbered: Kind, json: Kind) -> Self {
        let text = chain(error).map(ToString::to_string).reduce(|text, cause| match text.contains(&cause) {
            true => text,
            false => format!("{text}: {cause}"),
        });
        let text = text.unwrap_or_default();
        for cause in chain(error) {
            if let Some(io) = cause.downcast_ref::<io::Error>() {
                let kind = match (io.raw_os_error(), io.kind()) {
                    (Some(_), _) => Kind::Io,
                    // The standard library refuses a path with a NUL byte before it asks the operating system.
                    (None, io::ErrorKind::InvalidInput) => Kind::InvalidId,
                    (None, _) => unnumbered,
                };
                return Self { kind, text, errno: io.raw_os_error() };
            }
            if cause.is::<serde_json::Error>() {
                return Self::new(json, text);
            }
        }
        Self::new(Kind::Internal, text)
    }

    pub(crate) fn to_json(&self) -> Value {
        let text: String = self.text.chars().take(2000).collect();
        let mut error = json!({"code": self.kind.code(), "message": text});
        if let Some(kind) = self.kind.name() {
            error["data"] = json!({"kind": kind});
        }
        if let Some(errno) = self.errno {
            error["data"]["errno"] = json!(errno);
        }
        error
    }
}

impl From<io::Error> for Error {
    /// As [`Error::writing`] does.
    fn from(error: io::Error) -> Self {
        Self::writing(&error)
    }
}

fn chain<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error| (*error).source())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_operating_system_says_is_io_by_its_number() {
        let error = Error::reading(&io::Error::from_raw_os_error(5));
        assert_eq!(error.to_json()["data"], json!({"kind": "io", "errno": 5}));
    }

    #[test]
    fn what_has_no_number_is_corrupt_in_a_read_only() {
        let cut = || io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8");
        assert_eq!((Error::reading(&cut()).kind, Error::writing(&cut()).kind), (Kind::Corrupt, Kind::Io));
    }

    #[test]
    fn a_path_with_a_nul_byte_is_an_invalid_id() {
        assert_eq!(Error::from(std::fs::read("a\0b").unwrap_err()).kind, Kind::InvalidId);
    }

    #[test]
    fn a_cause_is_found_below_others() {
        #[derive(Debug)]
        struct Outer(serde_json::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
                write!(f, "outer")
            }
        }
        impl StdError for Outer {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let error = Error::reading(&Outer(serde_json::from_str::<Value>("{").unwrap_err()));
        assert_eq!(error.kind, Kind::Corrupt);
        assert!(error.text.starts_with("outer: EOF"));
    }

    #[test]
    fn what_is_neither_is_internal() {
        assert_eq!(Error::writing(&fmt::Error).kind, Kind::Internal);
    }
}
