use std::fmt;
use std::future::ready;
use std::sync::Arc;

use socketioxide::extract::{AckSender, SocketRef};
use socketioxide::handler::ConnectHandler;
use socketioxide::socket::DisconnectReason;
use socketioxide::{NsInsertError, ProtocolVersion, SocketIo, TransportType};

use super::arguments::{Arguments, Incoming};
use super::limits::Load;
use super::log::{Line, Log};
use super::pace::AnswerPace;
use crate::clock;

/// Why a session ends with its server, in npm's words.
pub(super) const SHUTTING_DOWN: &str = "server shutting down";

/// The refusal of a CONNECT beyond `max_clients`.
#[derive(Debug)]
struct Full;

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("server full")
    }
}

/// Accepts every namespace, within its limits, and answers every event.
pub(super) fn register(
    io: &SocketIo,
    log: &Arc<Log>,
    load: &Arc<Load>,
    pace: AnswerPace,
) -> Result<(), NsInsertError> {
    let handler = || {
        let (log, load) = (Arc::clone(log), Arc::clone(load));
        let admission = Arc::clone(&load);
        let accept = move |socket: SocketRef| {
            connected(&socket, &log, &load, pace);
            ready(())
        };
        accept.with(move || ready(if admission.admit() { Ok(()) } else { Err(Full) }))
    };
    io.ns("/", handler());
    io.dyn_ns("/{*namespace}", handler())
}

/// Not a task of its own, so that no event can come in before its handler is there.
fn connected(socket: &SocketRef, log: &Arc<Log>, load: &Arc<Load>, pace: AnswerPace) {
    log.write(&Line::Connect {
        nsp: namespace(socket),
        sid: socket.id.as_str(),
        transport: transport_name(socket),
        eio: match socket.protocol() {
            ProtocolVersion::V4 => 3,
            ProtocolVersion::V5 => 4,
        },
    });
    let (events, busy) = (Arc::clone(log), Arc::clone(load));
    socket.on_fallback(
        move |socket: SocketRef, incoming: Incoming, ack: AckSender, io: SocketIo| {
            let log = Arc::clone(&events);
            let busy = Arc::clone(&busy);
            let arrived = clock::now();
            async move {
                log_event(&socket, &incoming, &log);
                busy.work();
                pace.wait(arrived).await;
                answer(&socket, incoming, ack, &io, &log).await;
            }
        },
    );
    let (ends, load) = (Arc::clone(log), Arc::clone(load));
    socket.on_disconnect(move |socket: SocketRef, reason: DisconnectReason| {
        load.leave();
        ends.write(&Line::Disconnect {
            nsp: namespace(&socket),
            sid: socket.id.as_str(),
            reason: reason_name(reason),
        });
        ready(())
    });
}

fn log_event(socket: &SocketRef, incoming: &Incoming, log: &Log) {
    log.write(&Line::Event {
        nsp: namespace(socket),
        sid: socket.id.as_str(),
        event: &incoming.event,
        transport: transport_name(socket),
        ack: incoming.ack_wanted,
    });
}

async fn answer(socket: &SocketRef, incoming: Incoming, ack: AckSender, io: &SocketIo, log: &Log) {
    let Incoming {
        event,
        arguments,
        ack_wanted,
    } = incoming;
    match event.as_str() {
        "kick" => {
            // Gone already is as good.
            let _ = socket.clone().disconnect();
            return;
        }
        "broadcast" => {
            if let Some(namespace) = io.of(socket.ns()) {
                // A receiver whose queue is full misses it, as one whose connection is lost would.
                let _ = namespace.emit("broadcast", &arguments).await;
            }
        }
        "echo" if !ack_wanted => {
            // The client is gone: nobody is left to miss it.
            let _ = socket.emit("echo", &arguments);
        }
        _ => {}
    }
    let reply = if event == "broadcast" {
        Arguments::default()
    } else {
        arguments
    };
    if ack_wanted && ack.send(&reply).is_ok() {
        log.write(&Line::Ack {
            nsp: namespace(socket),
            sid: socket.id.as_str(),
            event: &event,
        });
    }
}

/// Its name alone: clients of release 2 put a query behind it, which the library takes for a part
/// of the name.
fn namespace(socket: &SocketRef) -> &str {
    let name = socket.ns();
    name.split_once('?').map_or(name, |(name, _)| name)
}

fn transport_name(socket: &SocketRef) -> &'static str {
    match socket.transport_type() {
        TransportType::Polling => "polling",
        TransportType::Websocket => "websocket",
    }
}

/// In npm's words, so that the logs of all servers compare.
fn reason_name(reason: DisconnectReason) -> &'static str {
    match reason {
        DisconnectReason::TransportClose => "transport close",
        DisconnectReason::MultipleHttpPollingError | DisconnectReason::TransportError => {
            "transport error"
        }
        DisconnectReason::PacketParsingError => "parse error",
        DisconnectReason::HeartbeatTimeout => "ping timeout",
        DisconnectReason::ClientNSDisconnect => "client namespace disconnect",
        DisconnectReason::ServerNSDisconnect => "server namespace disconnect",
        DisconnectReason::ClosingServer => SHUTTING_DOWN,
    }
}
