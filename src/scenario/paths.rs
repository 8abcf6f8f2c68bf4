//! Files and directories of a plan, named so that they mean the same from everywhere.

use std::path::{Path, PathBuf};

use super::plan::{Plan, ServerProgram};

impl Plan {
    /// With all that is relative seen from `directory`, the working directory of a server's command
    /// included: scenario.toml lies elsewhere than the scenario that it repeats.
    #[must_use]
    pub fn with_paths_from(mut self, directory: &Path) -> Self {
        let absolute = |path: &mut PathBuf| *path = directory.join(&*path);
        if let Some(csv) = &mut self.csv {
            absolute(&mut csv.file);
        }
        for population in &mut self.populations {
            let tls = &mut population.client.tls;
            let files = [&mut tls.ca, &mut tls.cert, &mut tls.key];
            files.into_iter().flatten().for_each(absolute);
        }
        if let Some(server) = &mut self.server
            && let ServerProgram::Command { cwd, .. } = &mut server.program
        {
            absolute(cwd.get_or_insert_with(|| directory.to_owned()));
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{self, Overrides};

    #[test]
    fn relative_paths_are_seen_from_a_directory_and_absolute_ones_stay() {
        let text = r#"
            duration = "1s"
            [server]
            command = ["node", "server.js"]
            [[clients]]
            count = 1
            tls = { ca = "src/lib.rs", cert = "/dev/null", key = "src/main.rs" }
        "#;
        let plan = scenario::parse(text, "test.toml", &Overrides::default());
        let plan = plan.unwrap_or_else(|problems| panic!("{problems}"));
        let plan = plan.with_paths_from(Path::new("/here"));
        let tls = &plan.populations[0].client.tls;
        assert_eq!(tls.ca.as_deref(), Some(Path::new("/here/src/lib.rs")));
        assert_eq!(tls.cert.as_deref(), Some(Path::new("/dev/null")));
        assert_eq!(tls.key.as_deref(), Some(Path::new("/here/src/main.rs")));
        // Without one of its own a command runs in the run's working directory.
        let text = plan.to_toml(true);
        assert!(text.contains("\ncwd = \"/here\"\n"), "{text}");
    }
}
