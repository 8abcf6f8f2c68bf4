use super::Writer;
use super::text::{array, quoted};
use crate::scenario::plan::{Capacity, Watch, WatchSource};
use crate::scenario::threshold::WatchBound;
use crate::units::format_duration;
use crate::word::Word as _;

impl Writer<'_> {
    pub(super) fn watch(&mut self, watch: &Watch) {
        self.header("[[watch]]");
        self.pair("name", &quoted(&watch.name));
        match &watch.source {
            WatchSource::Pid(pid) => self.pair("pid", &pid.to_string()),
            WatchSource::Prometheus { url, series } => {
                let url = self.url(url);
                self.pair("prometheus", &url);
                let series = series.iter().map(|series| quoted(&series.to_string()));
                self.pair("metrics", &array(series));
            }
        }
    }

    /// Below the other thresholds, or below a header of their own if there are none.
    pub(super) fn watch_bounds(&mut self, bounds: &[WatchBound], needs_header: bool) {
        if needs_header && !bounds.is_empty() {
            self.header("[thresholds]");
        }
        let mut lines: Vec<(&str, Vec<String>)> = Vec::new();
        for bound in bounds {
            let text = quoted(&bound.text);
            match lines.iter_mut().find(|(known, _)| *known == bound.selector) {
                Some((_, texts)) => texts.push(text),
                None => lines.push((&bound.selector, vec![text])),
            }
        }
        for (key, texts) in lines {
            self.pair(key, &array(texts));
        }
    }

    /// Nothing where the scenario has nothing to say.
    pub(super) fn capacity(&mut self, capacity: &Capacity) {
        if *capacity == Capacity::default() {
            return;
        }
        self.header("[capacity]");
        let time = |time| quoted(&format_duration(time));
        self.pair("vary", &quoted(capacity.vary.word()));
        self.optional("from", capacity.from.map(|from| from.to_string()));
        self.optional("to", capacity.to.map(|to| to.to_string()));
        self.pair("precision", &quoted(&capacity.precision.to_string()));
        self.pair("growth", &capacity.growth.to_string());
        self.pair("hold", &time(capacity.hold));
        self.pair("settle", &time(capacity.settle));
        self.pair("confirm", &capacity.confirm.to_string());
        let arrive = capacity.arrive.map(|rate| quoted(&rate.to_string()));
        self.optional("arrive", arrive);
        let fresh = capacity.fresh_server.map(|fresh| fresh.to_string());
        self.optional("fresh_server", fresh);
        self.pair("headroom", &quoted(&capacity.headroom.to_string()));
        self.optional("for", capacity.nodes_for.map(|load| load.to_string()));
        if !capacity.instances.is_empty() {
            let counts = capacity.instances.iter().map(u16::to_string);
            self.pair("instances", &array(counts));
        }
        let without = capacity.also_without_faults;
        self.pair("also_without_faults", &without.to_string());
        self.optional("budget", capacity.budget.map(time));
    }
}
