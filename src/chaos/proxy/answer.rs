use bytes::Bytes;
use http::StatusCode;

/// The answer of a load balancer that has none from a server, in HAProxy's words and shape.
///
/// It ends the connection, as HAProxy's does.
pub(super) fn answer(status: u16) -> Bytes {
    let reason = StatusCode::from_u16(status)
        .ok()
        .and_then(|status| status.canonical_reason())
        .unwrap_or("Error");
    let body = format!(
        "<html><body><h1>{status} {reason}</h1>\n{}\n</body></html>\n",
        explanation(status)
    );
    let length = body.len();
    format!(
        "HTTP/1.1 {status} {reason}\r\nContent-Length: {length}\r\nCache-Control: no-cache\r\n\
         Connection: close\r\nContent-Type: text/html\r\n\r\n{body}"
    )
    .into()
}

fn explanation(status: u16) -> &'static str {
    match status {
        403 => "Request forbidden by administrative rules.",
        429 => "You have sent too many requests in a given amount of time.",
        502 => "The server returned an invalid or incomplete response.",
        503 => "No server is available to handle this request.",
        504 => "The server didn't respond in time.",
        400..=499 => "Your browser sent an invalid request.",
        _ => "An internal server error occurred.",
    }
}
