use super::{exclude, needs};
use crate::diagnostic::Place;
use crate::scenario::plan::{Balance, Server, ServerProgram};
use crate::scenario::problem::{Checked, Code};
use crate::scenario::reader::Reader;

/// `[server]`.
pub(super) fn read(top: &Reader<'_>) -> Checked<Option<Server>> {
    let Some(reader) = top.child("server")? else {
        return Ok(None);
    };
    let program = program(&reader);
    let ready = reader.duration("ready");
    let instances = reader.integer("instances");
    let balance = reader.word::<Balance>("balance");
    let linger = reader.optional_duration("linger");
    Ok(Some(Server {
        program: program?,
        instances: instances? as u16,
        balance: balance?,
        ready: ready?,
        linger: linger?,
    }))
}

/// Program and arguments; a lone string is told how to become an array.
pub(super) fn command(reader: &Reader<'_>) -> Checked<Option<Vec<(String, Place)>>> {
    let Some(entry) = reader.entry("command") else {
        return Ok(None);
    };
    let Some(line) = entry.node.value.as_str() else {
        return reader.optional_texts("command");
    };
    let words: Vec<_> = line.split_whitespace().map(|w| format!("{w:?}")).collect();
    let message = "`command` is a string";
    Err(
        reader.report(Code::WrongType, entry.node.place, message, |d| {
            d.label("expected the program and its arguments, each a string")
                .key(reader.path_of("command"))
                .help(format!("write command = [{}]", words.join(", ")))
        }),
    )
}

fn program(reader: &Reader<'_>) -> Checked<ServerProgram> {
    let embedded = reader.boolean("embedded");
    let argv = command(reader);
    let env = reader.text_table("env");
    let cwd = reader.optional_text("cwd");
    match (embedded?, argv?) {
        (true, Some(_)) => {
            let help = "keep the one that the run is to start";
            Err(exclude(reader, "command", "embedded", help))
        }
        (true, None) => {
            for key in ["env", "cwd"] {
                if reader.has(key) {
                    let help = "the embedded server takes neither env nor cwd";
                    return Err(needs(reader, key, "command", help));
                }
            }
            Ok(ServerProgram::Embedded)
        }
        (false, None) => {
            let help = "add embedded = true, or command = [\"node\", \"server.js\"]";
            Err(reader.missing("command", help))
        }
        (false, Some(argv)) if argv.first().is_none_or(|(program, _)| program.is_empty()) => {
            let message = "`command` has no program";
            let place = reader.place_of("command");
            Err(reader.report(Code::OutOfRange, place, message, |d| {
                d.label("is empty")
                    .key(reader.path_of("command"))
                    .help("name the program first, then its arguments")
            }))
        }
        (false, Some(argv)) => Ok(ServerProgram::Command {
            argv: argv.into_iter().map(|(argument, _)| argument).collect(),
            env: env?
                .into_iter()
                .map(|(entry, value)| (entry.key.clone(), value))
                .collect(),
            cwd: cwd?.map(Into::into),
        }),
    }
}
