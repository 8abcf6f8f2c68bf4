//! report.html as a browser shows it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::LIMIT;
use crate::harness::{SioLoad, optional_program};

/// Run by the browser at the end of the page: what does not fit.
const LOOK: &str = r"
const within = (inner, outer) => inner.left >= outer.left - 1 && inner.right <= outer.right + 1
    && inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
const cut = [...document.querySelectorAll('svg text')].filter(text =>
    !within(text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()));
const drawn = [...document.querySelectorAll('path.line')].filter(path => path.getTotalLength() > 0);
document.title = JSON.stringify({
    charts: document.querySelectorAll('figure svg').length,
    lines: drawn.length,
    cut: cut.map(text => text.textContent),
    overflow: document.documentElement.scrollWidth - window.innerWidth,
});
";

/// The committed reference run, as the page of this version.
fn page() -> String {
    let reference = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/reference/reconnect");
    let report = ["report", reference.to_str().unwrap(), "--format", "html"];
    let finished = SioLoad::new(&report).run(LIMIT);
    assert_eq!(finished.code(), 0, "{finished:?}");
    finished.stdout
}

/// What the browser says of the page at this width.
fn look(browser: &str, page: &str, width: u32) -> Value {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("report.html");
    // The policy of the page forbids every script, so this one needs it gone.
    let policy = page
        .find("<meta http-equiv=\"Content-Security-Policy\"")
        .unwrap();
    let (before, policy) = page.split_at(policy);
    let (_, after) = policy.split_once('>').unwrap();
    let after = after.replace("</body>", &format!("<script>{LOOK}</script></body>"));
    fs::write(&file, format!("{before}{after}")).unwrap();
    let output = Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"])
        .arg(format!("--window-size={width},900"))
        .arg(format!("--user-data-dir={}", directory.path().display()))
        .arg(format!("file://{}", file.display()))
        .output()
        .unwrap();
    let dom = String::from_utf8(output.stdout).unwrap();
    let title = dom
        .split("<title>")
        .nth(1)
        .and_then(|rest| rest.split("</title>").next());
    let title =
        title.unwrap_or_else(|| panic!("no page: {}", String::from_utf8_lossy(&output.stderr)));
    serde_json::from_str(title).unwrap_or_else(|error| panic!("{title}: {error}"))
}

#[test]
fn a_browser_shows_every_chart_whole_on_a_desk_and_on_a_phone() {
    let browsers = ["chromium", "chromium-browser", "google-chrome"];
    let Some(browser) = optional_program(&browsers, "report.html in a browser") else {
        return;
    };
    let page = page();
    for width in [1280, 500] {
        let seen = look(&browser, &page, width);
        assert_eq!(seen["charts"], 8, "{seen}");
        assert_eq!(
            seen["lines"].as_u64(),
            Some(page.matches("<path class=\"line").count() as u64)
        );
        assert_eq!(seen["cut"], serde_json::json!([]), "{width} wide");
        assert!(seen["overflow"].as_i64() <= Some(0), "{width} wide: {seen}");
    }
}
