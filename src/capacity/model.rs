//! Curves through the levels: throughput and latency over load.

use super::fit::{Curve, Fitted};
use crate::results::capacity::{
    CurvePoint, Estimate, LatencyFit, Level, Model, Outcome, ThroughputFit,
};

/// Fewer loads than this say nothing about three parameters.
const FEWEST_LOADS: usize = 5;

/// A fit that explains less of the differences than this is not used beyond the levels.
const GOOD_FIT: f64 = 0.9;

/// A curve whose own error is larger than this share of it is not used beyond the levels.
const GOOD_BAND: f64 = 0.25;

/// The share of the saturation at which a queue of one server is three service times long.
const KNEE: f64 = 0.75;

/// Fits the curves; what cannot be fitted says why.
pub(super) fn fit(levels: &[Level], latency_metric: Option<&str>) -> Model {
    let mut model = Model::default();
    match fit_throughput(levels) {
        Ok((fit, doubt)) => {
            model.throughput = Some(fit);
            model.refused.extend(doubt);
        }
        Err(why) => model.refused.push(format!("throughput: {why}")),
    }
    let Some(metric) = latency_metric else {
        let why = "latency: no threshold bounds a time, so no time stands for the others";
        model.refused.push(why.to_owned());
        return model;
    };
    match fit_latency(levels, metric) {
        Ok(fit) => model.latency = Some(fit),
        Err(why) => model.refused.push(format!("latency: {why}")),
    }
    model
}

/// Points of the levels of which the server's share is known, scaled to loads of about 1.
fn points(
    levels: &[Level],
    takes: impl Fn(&Level) -> bool,
    value: impl Fn(&Level) -> Option<f64>,
) -> Result<(Vec<(f64, f64)>, f64), String> {
    let chosen: Vec<&Level> = levels
        .iter()
        .filter(|level| level.outcome != Outcome::GeneratorBound && takes(level))
        .collect();
    let points: Vec<(f64, f64)> = chosen
        .iter()
        .filter_map(|level| Some((level.load as f64, value(level)?)))
        .collect();
    let mut loads: Vec<u64> = points.iter().map(|(load, _)| *load as u64).collect();
    loads.sort_unstable();
    loads.dedup();
    if loads.len() < FEWEST_LOADS {
        let loads = loads.len();
        return Err(format!(
            "{loads} different loads with a value; a curve of three parameters needs {FEWEST_LOADS}"
        ));
    }
    let scale = loads.last().copied().unwrap_or(1) as f64;
    let scaled = points.into_iter().map(|(x, y)| (x / scale, y)).collect();
    Ok((scaled, scale))
}

fn fit_throughput(levels: &[Level]) -> Result<(ThroughputFit, Option<String>), String> {
    let (points, scale) = points(levels, |_| true, |level| level.throughput_per_s)?;
    let steepest = points.iter().map(|(x, y)| y / x).fold(0.0, f64::max);
    if steepest <= 0.0 {
        return Err("no level had any throughput".to_owned());
    }
    // With u = n / scale: lambda * scale, sigma * scale and kappa * scale^2, all about 1.
    let curve = Curve {
        value: |[l, s, k], u| l * u / (1.0 + s * u + k * u * u),
        start: [steepest, 0.1, 0.1],
        bounds: [(0.0, 1e12), (0.0, 1e6), (0.0, 1e6)],
        is_relative: false,
    };
    let fitted: Fitted<3> = curve.fit(&points).ok_or("no curve fits the levels")?;
    let [l, s, k] = fitted.parameters;
    let by = |estimate: Estimate, factor: f64| Estimate {
        value: estimate.value / factor,
        error: estimate.error / factor,
    };
    let (lambda, sigma, kappa) = (by(l, scale), by(s, scale), by(k, scale * scale));
    // A peak far beyond the levels is no finding.
    let peak = (k.value > 1e-9).then(|| (1.0 / k.value).sqrt());
    let at_peak = fitted.at(peak.unwrap_or(1.0).min(1.0));
    let is_good = fitted.r_squared >= GOOD_FIT && at_peak.error <= GOOD_BAND * at_peak.value;
    let doubt = (!is_good).then(|| {
        format!(
            "throughput: the curve explains {:.0} % of the differences and is known to ±{:.0} % at \
             its peak, so it is not used beyond the levels",
            fitted.r_squared.max(0.0) * 100.0,
            (at_peak.error / at_peak.value * 100.0).min(999.0)
        )
    });
    let fit = ThroughputFit {
        lambda,
        sigma,
        kappa,
        peak_load: peak
            .filter(|peak| is_good || *peak <= 1.0)
            .map(|u| u * scale),
        peak_throughput_per_s: at_peak.value,
        peak_error: at_peak.error,
        r_squared: fitted.r_squared,
        extrapolates: is_good,
        curve: curve_points(&fitted, &points, scale),
    };
    Ok((fit, doubt))
}

/// The curve over the loads that were tried.
fn curve_points(fitted: &Fitted<3>, points: &[(f64, f64)], scale: f64) -> Vec<CurvePoint> {
    const STEPS: usize = 40;
    let least = points.iter().map(|(x, _)| *x).fold(1.0, f64::min);
    let point = |step: usize| {
        let u = least + (1.0 - least) * step as f64 / STEPS as f64;
        let Estimate { value, error } = fitted.at(u);
        CurvePoint {
            load: u * scale,
            value,
            error,
        }
    };
    (0..=STEPS).map(point).collect()
}

/// On levels that held: beyond saturation a time grows for as long as one waits.
fn fit_latency(levels: &[Level], metric: &str) -> Result<LatencyFit, String> {
    let held = |level: &Level| level.outcome == Outcome::Held;
    let time = |level: &Level| Some(level.times.get(metric)?.p99 as f64);
    let (points, scale) = points(levels, held, time)?;
    let least = points.iter().map(|(_, y)| *y).fold(f64::INFINITY, f64::min);
    let curve = Curve {
        value: |[base, service, saturation], u| base + service / (1.0 - u / saturation),
        start: [least * 0.5, least * 0.5, 1.2],
        bounds: [(0.0, 1e10), (0.0, 1e10), (1.000_1, 1e4)],
        is_relative: true,
    };
    let fitted: Fitted<3> = curve.fit(&points).ok_or("no curve fits the levels")?;
    let [base_us, service_us, saturation] = fitted.parameters;
    if fitted.r_squared < GOOD_FIT {
        return Err(format!(
            "the curve of {metric} p99 explains {:.0} % of the differences alone",
            fitted.r_squared.max(0.0) * 100.0
        ));
    }
    if saturation.error > saturation.value {
        return Err(format!(
            "{metric} p99 hardly grows over the levels that held, so its saturation is not known"
        ));
    }
    Ok(LatencyFit {
        metric: metric.to_owned(),
        base_us,
        service_us,
        saturation: Estimate {
            value: saturation.value * scale,
            error: saturation.error * scale,
        },
        r_squared: fitted.r_squared,
        knee: KNEE * saturation.value * scale,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::capacity::LevelTimes;
    use crate::results::capacity::samples::level;

    fn levels(loads: &[u64], throughput: impl Fn(f64) -> f64) -> Vec<Level> {
        let level = |load: &u64| Level {
            throughput_per_s: Some(throughput(*load as f64)),
            ..level(*load, Outcome::Held)
        };
        loads.iter().map(level).collect()
    }

    const LOADS: [u64; 8] = [100, 200, 400, 800, 1_200, 1_600, 2_400, 3_200];

    #[test]
    fn the_parameters_of_a_scalability_curve_are_found_again() {
        let usl = |n: f64| 2.0 * n / (1.0 + 0.000_5 * n + 2e-7 * n * n);
        let model = fit(&levels(&LOADS, usl), None);
        let fit = model.throughput.unwrap();
        assert!((fit.lambda.value - 2.0).abs() < 0.01, "{fit:?}");
        assert!((fit.kappa.value - 2e-7).abs() < 1e-9, "{fit:?}");
        let peak = fit.peak_load.unwrap();
        assert!((peak - 2_236.0).abs() < 10.0, "{peak}");
        assert!(fit.extrapolates && fit.r_squared > 0.999);
        let off = |point: &CurvePoint| (point.value - usl(point.load)).abs();
        assert!(fit.curve.iter().all(|point| off(point) < 1.0));
    }

    #[test]
    fn a_server_that_serves_so_much_and_no_more_peaks_there() {
        let loads = [62, 125, 250, 375, 437, 500, 562, 625, 1_000];
        let model = fit(&levels(&loads, |n| n.min(500.0)), None);
        let fit = model.throughput.unwrap();
        let peak = fit.peak_throughput_per_s;
        assert!((peak - 500.0).abs() < 75.0, "{fit:?}");
    }

    #[test]
    fn few_loads_and_noise_are_refused() {
        let few = fit(&levels(&LOADS[..4], |n| n), None);
        assert_eq!(few.throughput, None);
        assert!(few.refused[0].contains("4 different loads"), "{few:?}");
        let noise = |n: f64| {
            if (n as u64 / 100) % 3 == 1 {
                10.0
            } else {
                900.0
            }
        };
        let noisy = fit(&levels(&LOADS, noise), None);
        assert!(!noisy.throughput.as_ref().unwrap().extrapolates);
        assert!(noisy.refused[0].contains("not used beyond"), "{noisy:?}");
    }

    #[test]
    fn latency_rises_towards_its_saturation() {
        let curve = |n: f64| 1_000.0 + 4_000.0 / (1.0 - n / 4_000.0);
        let mut levels = levels(&LOADS, |n| n);
        for level in &mut levels {
            let p99 = curve(level.load as f64) as u64;
            let times = LevelTimes {
                count: 100,
                p50: p99 / 2,
                p95: p99,
                p99,
            };
            level.times.insert("ack.time".to_owned(), times);
        }
        let fit = fit(&levels, Some("ack.time")).latency.unwrap();
        assert!((fit.saturation.value - 4_000.0).abs() < 40.0, "{fit:?}");
        assert!((fit.knee - 3_000.0).abs() < 30.0, "{fit:?}");
    }
}
