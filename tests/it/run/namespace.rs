use std::process::Command;

/// A way to run a program with a part of the system of its own: its mounts, its network.
#[derive(Debug)]
pub(super) struct Namespace {
    unshare: Vec<&'static str>,
}

impl Namespace {
    /// One of a kind, `--mount` or `--net`; nothing, with a plain message, where the system allows
    /// none.
    ///
    /// # Panics
    /// If that is so on CI, which must not skip anything.
    pub(super) fn with_own(kind: &'static str) -> Option<Self> {
        let ways = [
            vec!["unshare", kind],
            // Who is not root may be it in a namespace of users.
            vec!["unshare", "--map-root-user", kind],
        ];
        let works = |way: &Vec<&str>| {
            let output = Command::new(way[0]).args(&way[1..]).arg("true").output();
            output.is_ok_and(|output| output.status.success())
        };
        let found = ways.into_iter().find(works);
        #[expect(clippy::disallowed_macros, reason = "a skipped test says so")]
        if found.is_none() {
            let message =
                format!("neither root nor user namespaces: `unshare {kind}` does not work");
            assert!(
                std::env::var_os("CI").is_none_or(|ci| ci != "true"),
                "{message}"
            );
            eprintln!("skipped: {message}");
        }
        found.map(|unshare| Self { unshare })
    }

    /// A shell inside that runs `script`, in which `"$@"` is the rest of the command line.
    pub(super) fn shell(&self, script: &str) -> Vec<String> {
        let shell = ["sh", "-c", script, "sh"];
        let words = self.unshare.iter().copied().chain(shell);
        words.map(str::to_owned).collect()
    }
}
