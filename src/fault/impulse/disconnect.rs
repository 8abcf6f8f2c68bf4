use serde::{Deserialize, Serialize};

use crate::fault::Definition;
use crate::fault::keys::{AT, CLIENTS, EVERY, FAULT, OVER, POPULATION};
use crate::fault::setting::{Setting, Source, number, word};
use crate::keys::Default::{Is, Means};
use crate::keys::{Checked, Key, Kind, key};
use crate::word::{Word as _, words};

/// A normal closure (RFC 6455, section 7.4.1).
const NORMAL_CLOSURE: u16 = 1000;

/// A client loses its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disconnect {
    /// The way in which it loses the connection.
    pub how: DisconnectHow,
}

/// How a client loses its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum DisconnectHow {
    /// The engine is closed cleanly; the Manager reconnects (`forced close`).
    Close,
    /// `socket.disconnect()`, and `connect()` at once (`io client disconnect`).
    Namespace,
    /// FIN on every TCP connection of the client.
    Fin,
    /// RST on every TCP connection of the client.
    Reset,
    /// A WebSocket close frame with this code; the engine sees it as a close by the server.
    WebSocketClose(u16),
}

/// The word of a [`DisconnectHow`], without the close code.
#[derive(Clone, Copy)]
enum How {
    Close,
    Namespace,
    Fin,
    Reset,
    WebSocketClose,
}

words! {
    How {
        Close = "close",
        Namespace = "namespace",
        Fin = "fin",
        Reset = "reset",
        WebSocketClose = "websocket_close",
    }
}

impl DisconnectHow {
    fn how(self) -> How {
        match self {
            Self::Close => How::Close,
            Self::Namespace => How::Namespace,
            Self::Fin => How::Fin,
            Self::Reset => How::Reset,
            Self::WebSocketClose(_) => How::WebSocketClose,
        }
    }
}

impl Definition for Disconnect {
    const NAME: &'static str = "disconnect";
    const ABOUT: &'static str = "Clients lose their connection.";
    const KEYS: &'static [Key] = &[
        AT,
        FAULT,
        EVERY,
        OVER,
        CLIENTS,
        POPULATION,
        key(
            "how",
            Kind::Word(How::WORDS),
            Is("\"close\""),
            "Of `disconnect`. `close`: the engine is closed cleanly (`forced close`). `namespace`: `socket.disconnect()` and `connect()` at once (`io client disconnect`). `fin`, `reset`: FIN or RST on every TCP connection of the client. `websocket_close`: a WebSocket close frame with `code`; clients on polling are left alone.",
        ),
        key(
            "code",
            Kind::Integer {
                min: 1000,
                max: 4999,
            },
            Means("1000"),
            "With `how = \"websocket_close\"`: the code of the close frame.",
        ),
    ];

    fn read(source: &dyn Source) -> Checked<Self> {
        let how = source.word("how");
        let code = source.optional_integer("code")?;
        let how = match how? {
            How::Close => DisconnectHow::Close,
            How::Namespace => DisconnectHow::Namespace,
            How::Fin => DisconnectHow::Fin,
            How::Reset => DisconnectHow::Reset,
            How::WebSocketClose => DisconnectHow::WebSocketClose(code.unwrap_or(NORMAL_CLOSURE)),
        };
        if code.is_some() && !matches!(how, DisconnectHow::WebSocketClose(_)) {
            let help = "add how = \"websocket_close\"";
            return Err(source.needs("code", "how", help));
        }
        Ok(Self { how })
    }

    fn settings(&self) -> Vec<Setting> {
        let mut settings = vec![word("how", self.how.how())];
        if let DisconnectHow::WebSocketClose(code) = self.how {
            settings.push(number("code", code));
        }
        settings
    }
}
