//! Steps of a scenario that do not come out as expected.

use super::findings;

findings! {
    ALL_STEPS:

    STEP_TIMED_OUT: "SIO-230", Error, "a step got no answer in time" {
        cause: "The server sent no response, no ack or not the event that the step waits for \
                within its `timeout`; the message says which.",
        remedy: "Compare the step's event name and `where` with what the server sends, and look at \
                 the server's load if other clients get their answers.",
        settings: [],
        docs: None,
    }
    STEP_UNEXPECTED: "SIO-231", Error, "a step got another answer than expected" {
        cause: "The answer came, but `expect` does not hold for it or `capture` finds nothing in \
                it; the message says which path and what was there.",
        remedy: "Look at what the server answers: a refusal such as { ok: false }, or a path that \
                 has moved.",
        settings: [],
        docs: None,
    }
    STEP_DISCONNECTED: "SIO-232", Warning, "the connection was lost in the middle of a step" {
        cause: "The client waited for an answer to a step when its connection ended.",
        remedy: "Look at the disconnects: their reasons say what ended the connection.",
        settings: [],
        docs: None,
    }
    STEP_REFUSED: "SIO-233", Error, "the application refused a step's request" {
        cause: "The request got a status other than 2xx: a login that was refused, a token that \
                has expired (401, 403), a limit (429) or an error of the application (5xx).",
        remedy: "Check the user data and the token's life; `expect = { status = 404 }` makes \
                 another status the right one.",
        settings: [],
        docs: None,
    }
}
