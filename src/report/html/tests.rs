use std::collections::BTreeMap;

use super::*;
use crate::results::PercentileStep;
use crate::results::summary::samples;
use crate::results::timeline::Timeline;

fn run(summary: Summary) -> StoredRun {
    StoredRun {
        summary,
        timeline: Timeline::default(),
        distributions: BTreeMap::new(),
        scenario: None,
    }
}

/// The parts between two marks.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    text.split(open)
        .skip(1)
        .filter_map(|rest| rest.split(close).next())
        .collect()
}

#[test]
fn every_kind_of_run_has_a_page_with_its_verdict() {
    for summary in [
        samples::empty(),
        samples::healthy(),
        samples::failing(),
        samples::unreachable(),
        samples::interrupted(),
        samples::generator_bound(),
    ] {
        let word = words::verdict(summary.verdict);
        let reason = words::reason(&summary);
        let page = render(&run(summary));
        assert!(
            page.contains(&format!(">{word}</strong> {reason}")),
            "{page}"
        );
        assert!(page.ends_with("</html>"));
    }
}

#[test]
fn what_a_server_says_is_text_and_nothing_else() {
    let mut summary = samples::failing();
    let hostile = "</td><script>alert(1)</script><img src=x onerror=alert(2)>";
    summary.errors[0].message = Some(hostile.to_owned());
    summary.errors[0].docs = Some("javascript:alert(3)".to_owned());
    summary.scenario = "<b>\"name\"".to_owned();
    let page = render(&run(summary));
    assert!(!page.contains("<script") && !page.contains("<img"));
    assert!(page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"));
    assert!(!page.contains("javascript:"));
}

#[test]
fn the_page_needs_no_other_file() {
    let page = render(&run(samples::failing()));
    assert_eq!(between(&page, " src=\"", "\""), [""; 0]);
    let links = between(&page, " href=\"", "\"");
    assert!(!links.is_empty(), "errors point to the documentation");
    assert!(
        links
            .iter()
            .all(|link| link.starts_with("https://socket.io/docs/")),
        "{links:?}"
    );
    assert!(!page.contains("@import") && !page.contains("url("));
}

#[test]
fn a_fault_is_shown_with_its_victims_and_behind_the_timeline() {
    let mut run = run(samples::healthy());
    let fault = &run.summary.faults[0];
    let (name, at) = (
        fault.fault.clone(),
        number::seconds(fault.applied_s.unwrap()),
    );
    let affected = number::count(fault.affected);
    run.timeline = Timeline::read("t_s,clients.connected\n0,10\n1,0\n2,10\n");
    let page = render(&run);
    let rows = between(&page, "<tr>", "</tr>");
    let row = rows
        .iter()
        .find(|row| row.contains(&format!("<strong>{name}</strong>")));
    let row = row.unwrap();
    assert!(row.contains(&at) && row.contains(&affected), "{row}");
    let faults = run.summary.faults.len();
    assert_eq!(page.matches("<rect class=\"band\"").count(), faults);
    let spots = between(&page, "<title>0:0", "</title>");
    assert_eq!(
        spots,
        ["0 · connected 10", "1 · connected 0", "2 · connected 10"]
    );
}

#[test]
fn curves_stand_where_their_values_are() {
    let mut run = run(samples::healthy());
    let step = |percentile, value, seen| PercentileStep {
        value,
        percentile,
        seen,
    };
    let steps = vec![
        step(0.0, 1_000, 1),
        step(90.0, 10_000, 9),
        step(100.0, 100_000, 10),
    ];
    run.distributions
        .insert(crate::event::HistogramMetric::ReconnectTime.into(), steps);
    let page = render(&run);
    // From the bottom left over the end of the axis, which ten values end at 90 %, to its top.
    assert_eq!(
        between(&page, "<path class=\"line c1\" d=\"", "\""),
        ["M68 196L946 103L946 10"]
    );
    let names = between(&page, "<text class=\"value\"", "</text>");
    let names: Vec<&str> = names
        .iter()
        .filter_map(|text| text.split('>').nth(1))
        .collect();
    assert_eq!(names, ["1 ms", "10 ms", "100 ms"]);
}

#[test]
fn the_scenario_as_it_ran_is_on_the_page() {
    let mut run = run(samples::healthy());
    run.scenario = Some("name = \"<reconnect>\"\n".to_owned());
    assert!(render(&run).contains("<pre>name = &quot;&lt;reconnect&gt;&quot;\n</pre>"));
}
