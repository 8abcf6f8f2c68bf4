//! Scenario text in, a checked [`Plan`] or all its problems out; nothing is started here.
//!
//! The text becomes a tree in which everything knows its place (`raw`); flags change the tree
//! (`overrides`); the tree is read by the word of one table of keys (`keys`, `reader`) and becomes
//! a plan (`check`). The same table of keys makes the schema and the reference.

pub mod plan;
pub mod secret;
pub mod template;
pub mod threshold;

mod check;
mod environment;
mod journey;
mod keys;
mod nearest;
mod overrides;
mod paths;
mod problem;
mod raw;
mod reader;
mod reference;
mod scale;
mod schema;
mod timeline;
mod write;

use std::path::Path;

use crate::diagnostic::{Diagnostic, Diagnostics, Place};
use check::Context;
pub use environment::Substitution;
pub(crate) use keys::MOST_CLIENTS;
use nearest::nearest;
use overrides::Flags;
pub use overrides::Overrides;
pub use plan::Plan;
pub use problem::Code;
use problem::Problems;
use raw::Node;
pub use reference::reference;
pub(crate) use scale::share_out;
pub use schema::schema;

/// The commented scenario that `sio-load init` writes.
pub const STARTER: &str = include_str!("init.toml");

/// Reads and checks a scenario file.
///
/// # Errors
/// All problems of the file and of the flags, in one go; also if the file cannot be read.
pub fn read(path: &Path, overrides: &Overrides) -> Result<Plan, Diagnostics> {
    let origin = path.display().to_string();
    match std::fs::read_to_string(path) {
        Ok(text) => parse(&text, &origin, overrides),
        Err(error) => {
            let message = format!("cannot read the scenario: {error}");
            let code = Code::UnreadableFile.name();
            let problem = Diagnostic::new(code, Place::from(0..0), message);
            Err(Diagnostics::new(origin, "", Vec::new(), vec![problem]))
        }
    }
}

/// Checks the text of a scenario; `origin` is its file, and files that it names lie beside that.
///
/// # Errors
/// All problems of the text and of the flags, in one go.
pub fn parse(text: &str, origin: &str, overrides: &Overrides) -> Result<Plan, Diagnostics> {
    let problems = Problems::default();
    let (mut root, syntax) = raw::parse(text);
    let file_duration = duration(&root);
    let mut flags = Flags::default();
    let clients = overrides.apply(&mut root, &mut flags, &problems);
    let variable = |name: &str| std::env::var(name).ok();
    let substitutions = environment::substitute(&mut root, &variable, &problems);
    let context = Context {
        problems: &problems,
        text,
        origin: Path::new(origin),
        file_duration,
        csv: Ok(None),
    };
    let mut plan = check::plan(&root, context);
    if let (Ok(plan), Some((clients, place))) = (&mut plan, clients) {
        // Only a plan without problems counts, so the verdict may be left to `problems`.
        let _reported = scale::scale(plan, clients, place, &problems);
    }
    match plan {
        Ok(mut plan) if problems.is_empty() && syntax.is_empty() => {
            check::add_warnings(&mut plan);
            plan.substitutions = substitutions;
            Ok(plan)
        }
        Ok(_) | Err(_) => {
            let problems = gather(text, syntax, problems);
            Err(Diagnostics::new(origin, text, flags.texts, problems))
        }
    }
}

/// The file's own duration, if it is a sound one.
fn duration(root: &Node) -> Option<std::time::Duration> {
    let text = root.value.as_table()?.get("duration")?.value.as_str()?;
    crate::units::parse_duration(text).ok()
}

/// Syntax errors, and of the other problems those that are not a mere consequence of them.
fn gather(text: &str, syntax: Vec<(Place, String)>, problems: Problems) -> Vec<Diagnostic> {
    let line = |place: Place| match place {
        Place::Text { start, .. } => text.get(..start).map(|before| before.matches('\n').count()),
        Place::Flag(_) => None,
    };
    let broken: Vec<_> = syntax.iter().map(|(place, _)| line(*place)).collect();
    let found = problems.into_inner().into_iter();
    let found = found
        .filter(|(code, problem)| {
            syntax.is_empty() || (code.is_local() && !broken.contains(&line(problem.place)))
        })
        .map(|(_, problem)| problem);
    let syntax = syntax.iter().map(|(place, message)| {
        Diagnostic::new(Code::Syntax.name(), *place, message).label("not valid TOML")
    });
    syntax.chain(found).collect()
}
