//! What a plan means, for people: who comes when, what breaks when, and a chart of it.

use std::fmt::Write;
use std::time::Duration;

use super::plan::{Fault, Load, Plan, Population, RampStage, ServerProgram, Sweep};
use crate::units::format_duration;

/// The widest line; also what a terminal has that nobody resized.
const WIDTH: usize = 80;
/// As wide as the longest name of a fault.
const LABEL: usize = 17;
const CHART_COLUMNS: usize = 60;
const CHART_ROWS: usize = 6;
/// More repeats would fill the lane anyhow.
const REPEATS_DRAWN: usize = 10_000;
const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

impl Plan {
    /// The plan as `sio-load check` shows it, at most 80 columns wide.
    #[must_use]
    pub fn timeline(&self) -> String {
        let mut out = String::new();
        let mut line = |text: &str| {
            out.push_str(text);
            out.push('\n');
        };
        let duration = format_duration(self.duration);
        line(&format!("{} · {duration} · seed {}", self.name, self.seed));
        if !self.description.is_empty() {
            wrap(&self.description, 0, &mut line);
        }
        line("");
        self.surroundings(&mut line);
        line("");
        for population in &self.populations {
            describe(population, &mut line);
        }
        sweep(&self.sweep, &mut line);
        line("");
        self.moments(&mut line);
        line("");
        chart(self, &mut line);
        for warning in &self.warnings {
            line("");
            wrap(&format!("warning: {warning}"), 9, &mut line);
        }
        out
    }

    fn surroundings(&self, line: &mut impl FnMut(&str)) {
        let url = self.target.url.as_ref().map(url::Url::as_str);
        line(&format!("target   {}", url.unwrap_or("the server below")));
        let Some(server) = &self.server else { return };
        let program = match &server.program {
            ServerProgram::Embedded => "embedded".to_owned(),
            ServerProgram::Command { argv, .. } => argv.join(" "),
        };
        wrap(&format!("server   {program}"), 9, line);
        if server.instances > 1 {
            let balance = match server.balance {
                super::plan::Balance::Sticky => "sticky",
                super::plan::Balance::RoundRobin => "round robin",
                super::plan::Balance::Direct => "each client has its own",
            };
            line(&format!(
                "         {} instances, {balance}",
                server.instances
            ));
        }
    }

    /// Everything that happens, in order of time.
    fn moments(&self, line: &mut impl FnMut(&str)) {
        let mut moments: Vec<(Duration, String)> = Vec::new();
        for population in &self.populations {
            moments.extend(arrivals(population));
        }
        for fault in &self.chaos {
            moments.push((fault.at, self.describe_fault(fault)));
        }
        moments.retain(|(at, _)| *at < self.duration);
        moments.push((self.duration, "end".to_owned()));
        moments.sort_by_key(|(at, _)| *at);
        for (at, text) in moments {
            wrap(&format!("{:>8}  {text}", moment(at)), 10, line);
        }
    }

    fn describe_fault(&self, fault: &Fault) -> String {
        let mut text = format!("▼ {}", fault.kind.name());
        let detail = fault.detail(self);
        if !detail.is_empty() {
            write!(text, ": {detail}").expect("writing to a String cannot fail");
        }
        if let Some(every) = fault.every {
            let every = format_duration(every);
            write!(text, ", again every {every}").expect("writing to a String cannot fail");
        }
        text
    }
}

/// What `sio-load storm` would vary.
fn sweep(sweep: &Sweep, line: &mut impl FnMut(&str)) {
    if sweep.is_empty() {
        return;
    }
    let times = |times: &[Duration]| {
        let times: Vec<_> = times.iter().map(|time| format_duration(*time)).collect();
        times.join(", ")
    };
    let fractions: Vec<_> = sweep.randomization.iter().map(f64::to_string).collect();
    let parts = [
        ("delay", times(&sweep.delay)),
        ("delay_max", times(&sweep.delay_max)),
        ("randomization", fractions.join(", ")),
    ];
    let parts = parts.into_iter().filter(|(_, values)| !values.is_empty());
    let parts: Vec<_> = parts
        .map(|(key, values)| format!("{key} {values}"))
        .collect();
    wrap(&format!("sweep    {}", parts.join(" · ")), 9, line);
}

fn describe(population: &Population, line: &mut impl FnMut(&str)) {
    let client = &population.client;
    let transports: Vec<_> = client.transports.iter().map(|t| t.name()).collect();
    let mut traits = vec![transports.join(" then ")];
    if client.protocol == crate::event::EngineRevision::V3 {
        traits.push("release 2 protocol".to_owned());
    }
    if client.profile == super::plan::Profile::Browser {
        traits.push("as a browser".to_owned());
    }
    if client.namespaces != ["/"] {
        traits.push(client.namespaces.join(" "));
    }
    if client.reconnection.is_none() {
        traits.push("no reconnection".to_owned());
    }
    let load = describe_load(&population.load);
    let text = format!("{}: {load}; {}", population.name, traits.join(", "));
    wrap(&text, 2, line);
    for emit in &population.emits {
        let burst = match emit.burst {
            1 => String::new(),
            burst => format!(" {burst} times"),
        };
        let ack = if emit.ack.is_some() { ", with ack" } else { "" };
        let every = format_duration(emit.every);
        wrap(
            &format!("  emits {}{burst} every {every}{ack}", emit.event),
            4,
            line,
        );
    }
    for part in population.journey.describe() {
        wrap(&format!("  {part}"), 6, line);
    }
    for listen in &population.listens {
        let expect = listen.expect.map_or_else(String::new, |expect| {
            format!(", {} each", thousands(expect))
        });
        wrap(&format!("  listens to {}{expect}", listen.event), 4, line);
    }
}

fn describe_load(load: &Load) -> String {
    match load {
        Load::Arrive { count, rate: None } => format!("{} clients at once", thousands(*count)),
        Load::Arrive {
            count,
            rate: Some(rate),
        } => format!("{} clients at {rate}", thousands(*count)),
        Load::Ramp(_) => "a ramp".to_owned(),
        Load::Open { arrivals, stay } => {
            let stay = format_duration(*stay);
            format!("clients come at {arrivals} and stay for {stay}")
        }
    }
}

/// To a tenth of a second below a minute, to a second above it.
fn moment(at: Duration) -> String {
    let tenths = (at.as_secs_f64() * 10.0).round() as u64;
    if tenths >= 600 {
        return format_duration(Duration::from_secs(tenths / 10));
    }
    match tenths % 10 {
        0 => format!("{}s", tenths / 10),
        rest => format!("{}.{rest}s", tenths / 10),
    }
}

/// When a population's numbers change.
fn arrivals(population: &Population) -> Vec<(Duration, String)> {
    let name = &population.name;
    match &population.load {
        Load::Arrive { count: 0, .. } => Vec::new(),
        Load::Arrive { count, rate: None } => {
            vec![(
                Duration::ZERO,
                format!("{name}: {} start", thousands(*count)),
            )]
        }
        Load::Arrive {
            count,
            rate: Some(rate),
        } => vec![
            (Duration::ZERO, format!("{name}: starts begin, {rate}")),
            (
                rate.due(count - 1),
                format!("{name}: all {} started", thousands(*count)),
            ),
        ],
        Load::Ramp(stages) => {
            let mut at = Duration::ZERO;
            let mut moments = Vec::new();
            for stage in stages {
                let length = format_duration(stage.duration());
                moments.push((
                    at,
                    match stage {
                        RampStage::To { clients, .. } => {
                            format!("{name}: to {} in {length}", thousands(*clients))
                        }
                        RampStage::Hold(_) => format!("{name}: no change for {length}"),
                    },
                ));
                at += stage.duration();
            }
            moments
        }
        Load::Open { arrivals, stay } => vec![
            (
                Duration::ZERO,
                format!("{name}: arrivals begin, {arrivals}"),
            ),
            (*stay, format!("{name}: the first leave")),
        ],
    }
}

/// Clients over time, and a line of marks below for the faults.
fn chart(plan: &Plan, line: &mut impl FnMut(&str)) {
    let middle = |column: usize| {
        plan.duration
            .mul_f64((column as f64 + 0.5) / CHART_COLUMNS as f64)
    };
    let heights: Vec<f64> = (0..CHART_COLUMNS)
        .map(|column| {
            let at = middle(column);
            plan.populations.iter().map(|p| p.load.clients_at(at)).sum()
        })
        .collect();
    let top = heights.iter().copied().fold(1.0, f64::max);
    for row in (0..CHART_ROWS).rev() {
        let label = match row {
            0 => "0".to_owned(),
            row if row == CHART_ROWS - 1 => thousands(top.round() as u64),
            _ => String::new(),
        };
        let bars: String = heights
            .iter()
            .map(|height| {
                let eighths = height / top * (CHART_ROWS * 8) as f64 - (row * 8) as f64;
                BLOCKS[eighths.round().clamp(0.0, 8.0) as usize]
            })
            .collect();
        line(format!("{label:>LABEL$} │{bars}").trim_end());
    }
    line(&format!("{:>LABEL$} └{}", "", "─".repeat(CHART_COLUMNS)));
    for fault in &plan.chaos {
        let name = fault.kind.name();
        line(format!("{name:>LABEL$}  {}", lane(plan, fault)).trim_end());
    }
    let end = format_duration(plan.duration);
    let width = CHART_COLUMNS - 2;
    line(&format!("{:>LABEL$}  0s{end:>width$}", ""));
}

/// A mark where the fault begins, at each of its repeats, and a line for as long as it lasts.
fn lane(plan: &Plan, fault: &Fault) -> String {
    let instances = plan.server.as_ref().map_or(1, |server| server.instances);
    let length = fault.length(plan.duration, instances);
    let column = |at: Duration| {
        let share = at.as_secs_f64() / plan.duration.as_secs_f64();
        ((share * CHART_COLUMNS as f64) as usize).min(CHART_COLUMNS - 1)
    };
    let mut marks = vec![' '; CHART_COLUMNS];
    for begin in fault.repeats(plan.duration).take(REPEATS_DRAWN) {
        let (from, to) = (column(begin), column(begin + length));
        marks[from..=to].fill('━');
        marks[from] = '▼';
    }
    marks.into_iter().collect()
}

impl Load {
    /// How many clients are meant to be there so long after the start.
    #[must_use]
    pub fn clients_at(&self, at: Duration) -> f64 {
        match self {
            Self::Arrive { count, rate: None } => *count as f64,
            Self::Arrive {
                count,
                rate: Some(rate),
            } => (rate.per_second() * at.as_secs_f64()).min(*count as f64),
            Self::Open { arrivals, stay } => arrivals.per_second() * at.min(*stay).as_secs_f64(),
            Self::Ramp(stages) => {
                let (mut clients, mut begin) = (0.0, Duration::ZERO);
                for stage in stages {
                    let end = begin + stage.duration();
                    if let RampStage::To { clients: to, over } = stage {
                        if at < end {
                            let done = (at - begin).as_secs_f64() / over.as_secs_f64();
                            return clients + (*to as f64 - clients) * done;
                        }
                        clients = *to as f64;
                    } else if at < end {
                        return clients;
                    }
                    begin = end;
                }
                clients
            }
        }
    }
}

/// 12345 as 12,345.
fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Breaks at blanks; lines after the first are indented.
fn wrap(text: &str, indent: usize, line: &mut impl FnMut(&str)) {
    let start = text.len() - text.trim_start().len();
    let mut current = text[..start].to_owned();
    let mut fresh = true;
    for word in text[start..].split(' ') {
        let width = current.chars().count() + word.chars().count();
        if !fresh && width + 1 > WIDTH {
            line(&current);
            current = " ".repeat(indent);
        } else if !fresh {
            current.push(' ');
        }
        current.push_str(word);
        fresh = false;
    }
    line(&current);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ramp_is_a_line_and_stays_where_it_ends() {
        let second = Duration::from_secs(1);
        let ramp = Load::Ramp(vec![
            RampStage::To {
                clients: 100,
                over: 4 * second,
            },
            RampStage::Hold(2 * second),
            RampStage::To {
                clients: 20,
                over: 4 * second,
            },
        ]);
        let at = |s: u32| ramp.clients_at(s * second);
        assert_eq!(
            [at(0), at(1), at(5), at(8), at(99)],
            [0.0, 25.0, 100.0, 60.0, 20.0]
        );
    }

    #[test]
    fn long_lines_break_at_blanks() {
        let mut lines = Vec::new();
        wrap(&"word ".repeat(40), 4, &mut |text| {
            lines.push(text.to_owned())
        });
        assert!(lines.len() > 2);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH));
        assert!(lines[1].starts_with("    word"));
    }
}
