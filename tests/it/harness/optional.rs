use std::path::Path;

/// Where a program is that not every machine has; the first of these names that is there.
///
/// # Panics
/// If it is missing on CI; elsewhere it is said that what it would show was not seen.
pub(crate) fn optional_program(names: &[&str], unseen: &str) -> Option<String> {
    const FOLDERS: [&str; 4] = ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"];
    let found = names
        .iter()
        .flat_map(|name| FOLDERS.map(|folder| format!("{folder}/{name}")))
        .find(|path| Path::new(path).exists());
    #[expect(clippy::disallowed_macros, reason = "a skipped test says so")]
    if found.is_none() {
        let name = names.first().copied().unwrap_or_default();
        let on_ci = std::env::var("CI").is_ok_and(|ci| ci == "true");
        assert!(!on_ci, "{name} is missing, and CI needs it");
        eprintln!("left out: {name} is missing, so {unseen} was not seen");
    }
    found
}
