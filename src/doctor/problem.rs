//! Findings with the same root cause are one problem.

use serde::Serialize;

use super::report::Found;
use crate::catalogue::{
    ANSWERED_IN_FRONT, CACHED_HANDSHAKE, COMPRESSION_LOST, CONNECT_DROPPED, CONNECT_SLOW,
    CONNECT_TIMED_OUT, CONNECT_UNANSWERED, FRAMES_HELD, HEARTBEAT_IMPLAUSIBLE, HTTP_STATUS, KICKED,
    NOT_STICKY, PING_TIMEOUT_SHORT, POST_REFUSED, PROBE_FAILED, RATE_LIMITED, REDIRECTED,
    SECOND_UPGRADE_LISTENER, SESSION_ID_UNKNOWN, SLOW_ANSWERS, Severity, UPGRADE_TIMED_OUT,
    WEBSOCKET_PAGE, WRONG_PATH,
};

/// One root cause, with everything that was found because of it.
#[derive(Debug, Clone, Serialize)]
pub struct Problem {
    /// The code of the finding that explains the others.
    pub code: &'static str,
    /// The worst of its findings.
    pub severity: Severity,
    /// The findings, as places in the report's list; the explaining one first.
    pub findings: Vec<usize>,
}

/// What explains what: a cause, and the codes of findings that follow from it.
fn consequences(code: &str) -> &'static [&'static str] {
    /// Whoever is thrown out again and again shows it in many ways.
    const THROWN_OUT: &[&str] = &[
        "SIO-131", "SIO-143", "SIO-154", "SIO-155", "SIO-158", "SIO-190", "SIO-193", "SIO-205",
        "SIO-206", "SIO-207", "SIO-211", "SIO-213", "SIO-218", "SIO-222",
    ];
    const FOLLOWS: &[(&str, &[&str])] = &[
        (PING_TIMEOUT_SHORT.code, THROWN_OUT),
        (CACHED_HANDSHAKE.code, THROWN_OUT),
        (HEARTBEAT_IMPLAUSIBLE.code, THROWN_OUT),
        (NOT_STICKY.code, THROWN_OUT),
        (
            SESSION_ID_UNKNOWN.code,
            &["SIO-190", "SIO-193", "SIO-154", "SIO-213"],
        ),
        (
            WRONG_PATH.code,
            &["SIO-114", "SIO-133", "SIO-140", "SIO-141", "SIO-113"],
        ),
        ("SIO-152", &["SIO-114", "SIO-133", "SIO-140", "SIO-141"]),
        (
            "SIO-147",
            &["SIO-114", "SIO-140", "SIO-141", "SIO-113", "SIO-133"],
        ),
        (REDIRECTED.code, &["SIO-146", "SIO-140"]),
        ("SIO-135", &["SIO-173"]),
        ("SIO-185", &["SIO-133", "SIO-134", "SIO-140"]),
        (KICKED.code, &["SIO-154", "SIO-213", "SIO-222"]),
        (
            SECOND_UPGRADE_LISTENER.code,
            &[
                "SIO-131", "SIO-143", "SIO-145", "SIO-154", "SIO-205", "SIO-207", "SIO-213",
            ],
        ),
        (
            COMPRESSION_LOST.code,
            &["SIO-143", "SIO-145", "SIO-205", "SIO-207"],
        ),
        (
            FRAMES_HELD.code,
            &["SIO-207", "SIO-211", "SIO-143", "SIO-205"],
        ),
        (UPGRADE_TIMED_OUT.code, &["SIO-204", "SIO-103", "SIO-143"]),
        (PROBE_FAILED.code, &["SIO-204"]),
        (SLOW_ANSWERS.code, &["SIO-204", "SIO-159"]),
        (RATE_LIMITED.code, &["SIO-136", "SIO-140", "SIO-142"]),
        (CONNECT_SLOW.code, &["SIO-158"]),
        (CONNECT_TIMED_OUT.code, &["SIO-159", "SIO-213"]),
        (CONNECT_UNANSWERED.code, &["SIO-213", "SIO-158"]),
        (CONNECT_DROPPED.code, &["SIO-213"]),
        (POST_REFUSED.code, &["SIO-140", "SIO-136", "SIO-131"]),
        (HTTP_STATUS.code, &["SIO-136", "SIO-140"]),
        (ANSWERED_IN_FRONT.code, &["SIO-136"]),
        (WEBSOCKET_PAGE.code, &["SIO-136", "SIO-205"]),
    ];
    let named = FOLLOWS.iter().find(|(cause, _)| *cause == code);
    named.map_or(&[], |(_, consequences)| consequences)
}

/// Groups what is wrong; the worst problem first. Findings that are only worth knowing are none.
pub(super) fn group(findings: &[Found]) -> Vec<Problem> {
    let wrong = |at: &usize| findings[*at].finding.severity > Severity::Info;
    let mut left: Vec<usize> = (0..findings.len()).filter(wrong).collect();
    let code = |at: usize| findings[at].finding.code;
    let mut problems = Vec::new();
    while let Some(&first) = left.first() {
        // A cause that nothing else here explains.
        let mut lead = first;
        let mut seen = vec![code(lead)];
        while let Some(&cause) = left.iter().find(|at| {
            consequences(code(**at)).contains(&code(lead)) && !seen.contains(&code(**at))
        }) {
            lead = cause;
            seen.push(code(lead));
        }
        let follows =
            |at: usize| code(at) == code(lead) || consequences(code(lead)).contains(&code(at));
        let (mut group, others): (Vec<usize>, Vec<usize>) =
            left.iter().partition(|at| follows(**at));
        group.retain(|at| *at != lead);
        group.insert(0, lead);
        left = others;
        let severities = group.iter().map(|at| findings[*at].finding.severity);
        problems.push(Problem {
            code: code(lead),
            severity: severities.max().unwrap_or(Severity::Info),
            findings: group,
        });
    }
    problems.sort_by_key(|problem| std::cmp::Reverse(problem.severity));
    problems
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{self, Finding};

    fn found(finding: &'static Finding) -> Found {
        Found {
            finding,
            check: "",
            seen: String::new(),
            evidence: Vec::new(),
        }
    }

    #[test]
    fn findings_with_one_root_cause_are_one_problem_and_the_cause_leads() {
        let findings = [
            found(&SESSION_ID_UNKNOWN),
            found(&catalogue::CORS_TWICE),
            found(&NOT_STICKY),
            found(&catalogue::REVISION_4_ONLY),
        ];
        let problems = group(&findings);
        let codes: Vec<&str> = problems.iter().map(|problem| problem.code).collect();
        assert_eq!(codes, ["SIO-190", "SIO-184"]);
        assert_eq!(problems[0].findings, [2, 0]);
    }

    #[test]
    fn both_findings_of_a_wrong_path_are_one_problem() {
        let findings = [found(&HTTP_STATUS), found(&WRONG_PATH)];
        let problems = group(&findings);
        assert_eq!((problems.len(), problems[0].code), (1, "SIO-146"));
    }

    #[test]
    fn every_code_of_a_consequence_is_listed() {
        for finding in catalogue::all() {
            for code in consequences(finding.code) {
                assert!(catalogue::all().any(|one| one.code == *code), "{code}");
            }
        }
    }
}
