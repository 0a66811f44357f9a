"""What the kit sends is of the protocol that it publishes."""

from typing import Any

import jsonschema_rs
import pytest

from miniatures._clean import Clean
from miniatures.bench import lab_of
from sessionproof import _data, _schemas
from sessionproof._client import AdapterProcess
from sessionproof._protocol import Call, Outcome
from sessionproof._suite import carry_out, probes_of

PROTOCOL = _data.json_file("schemas", "adapter-protocol.schema.json")


def test_request_is_not_of_the_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call of a run over all groups has the parameters that the protocol's schema gives its method."""
    sent: set[str] = set()
    validators: dict[str, Any] = {}
    carry = AdapterProcess.call

    def call(self: AdapterProcess, request: Call) -> Outcome:
        part = f"adapter-protocol.schema.json#/$defs/params.{request.method}"
        assert _schemas.problems(part, request.params) == []
        if request.method not in validators:
            schema = {"$defs": PROTOCOL["$defs"], "$ref": f"#/$defs/params.{request.method}"}
            validators[request.method] = jsonschema_rs.validator_for(schema)
        assert validators[request.method].is_valid(request.params)
        sent.add(request.method)
        return carry(self, request)

    monkeypatch.setattr(AdapterProcess, "call", call)
    wanted = {"STO-1", "STO-6", "STO-9", "STO-11", "STO-12", "STO-13", "FMT-4", "COR-5", "SEC-4"}
    with lab_of(Clean) as lab:
        verdicts = {carry_out(lab, probe).verdict for probe in probes_of(frozenset(wanted))}

    assert verdicts <= {"pass", "not-applicable"}
    assert sent >= {"initialize", "open", "close", "save", "load", "delete", "exists", "list", "summaries", "latest"}
    assert sent >= {"attach", "attachments", "check", "echo"}
