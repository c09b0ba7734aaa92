"""The context of a request: one for each scope, and what remains until its deadline."""

import time

from ganray.serving.context import SCOPES, Caller, RequestContext, context_of


def test_a_scope_has_one_context():
    scope = {"type": "http"}
    context_of(scope).id = "a"
    assert context_of(scope).id == "a"
    assert context_of({"type": "http"}).id == ""


def test_who_names_no_key_is_local_and_may_do_everything():
    caller = context_of({}).caller
    assert (caller, caller.tenant, caller.scopes) == (Caller(), "", SCOPES)


def test_what_remains():
    assert RequestContext().remaining() is None
    remaining = RequestContext(deadline=time.monotonic() + 5).remaining()
    assert 4 < remaining <= 5
