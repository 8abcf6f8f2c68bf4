use std::io;
use std::path::PathBuf;
use std::process::Command;

use super::ProcessError;
use crate::scenario::plan::ServerProgram;

/// How an instance is started.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// Which program.
    pub program: ServerProgram,
    /// Where it shall listen: in place of `{{port}}`, and as PORT in its environment.
    pub port: u16,
    /// The HTTP path that the embedded server shall answer on.
    pub path: String,
    /// The sio-load program, for `serve` and `lifeline`; nothing: the one that runs now.
    pub sio_load: Option<PathBuf>,
}

impl Launch {
    /// What messages call it.
    pub(super) fn name(&self) -> String {
        match &self.program {
            ServerProgram::Embedded => "sio-load serve".to_owned(),
            ServerProgram::Command { argv, .. } => argv.join(" "),
        }
    }

    /// The command line and environment; pipes and process group are the caller's.
    pub(super) fn command(&self) -> Result<Command, ProcessError> {
        match &self.program {
            ServerProgram::Embedded => self.embedded(),
            ServerProgram::Command { argv, env, cwd } => {
                let (program, arguments) = argv.split_first().ok_or(ProcessError::NoProgram)?;
                let mut command = Command::new(self.with_port(program));
                command.args(arguments.iter().map(|argument| self.with_port(argument)));
                // Before the scenario's own, which may say otherwise.
                command.env("PORT", self.port.to_string());
                command.envs(
                    env.iter()
                        .map(|(name, value)| (name, self.with_port(value))),
                );
                if let Some(cwd) = cwd {
                    command.current_dir(cwd);
                }
                Ok(command)
            }
        }
    }

    fn embedded(&self) -> Result<Command, ProcessError> {
        let mut command = self.sio_load().map_err(|source| ProcessError::Spawn {
            program: self.name(),
            source,
        })?;
        command
            .args(["serve", "--exit-with-stdin", "--listen"])
            .arg(format!("127.0.0.1:{}", self.port))
            .args(["--path", &self.path]);
        Ok(command)
    }

    fn sio_load(&self) -> io::Result<Command> {
        let program = match &self.sio_load {
            Some(program) => program.clone(),
            None => std::env::current_exe()?,
        };
        Ok(Command::new(program))
    }

    fn with_port(&self, text: &str) -> String {
        text.replace("{{port}}", &self.port.to_string())
            .replace("{{ port }}", &self.port.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_stands_in_for_its_template_in_arguments_and_environment() {
        let launch = Launch {
            program: ServerProgram::Command {
                argv: vec!["node".to_owned(), "--port={{port}}".to_owned()],
                env: vec![("URL".to_owned(), "http://localhost:{{ port }}".to_owned())],
                cwd: None,
            },
            port: 4321,
            path: "/socket.io/".to_owned(),
            sio_load: None,
        };
        let command = launch.command().unwrap();
        assert!(command.get_args().eq(["--port=4321"]));
        let env: Vec<_> = command
            .get_envs()
            .map(|(name, value)| (name.to_str().unwrap(), value.unwrap().to_str().unwrap()))
            .collect();
        assert_eq!(env, [("PORT", "4321"), ("URL", "http://localhost:4321")]);
    }
}
