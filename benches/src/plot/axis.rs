//! From values to pixels, and ticks at round numbers.

/// An axis before its values are known.
#[derive(Clone, Debug)]
pub struct Axis {
    /// Beside the axis.
    pub label: String,
    log: bool,
}

/// An axis with its values.
#[derive(Clone, Debug)]
pub struct Scale {
    log: bool,
    /// The least and the greatest value; logarithms on a log axis.
    range: (f64, f64),
    /// Where those two are, in pixels.
    pixels: (f64, f64),
}

impl Axis {
    /// Equal steps.
    pub fn linear(label: &str) -> Self {
        Self { label: label.to_owned(), log: false }
    }

    /// Equal ratios.
    pub fn log(label: &str) -> Self {
        Self { label: label.to_owned(), log: true }
    }

    /// Fits all values between two pixels. A linear axis starts at zero, unless all values are
    /// far from it compared with their spread; a log axis runs over whole powers of ten.
    pub(super) fn scale(&self, values: impl Iterator<Item = f64>, from: f64, to: f64) -> Scale {
        let log = self.log;
        let values = values.filter(|value| value.is_finite() && (!log || *value > 0.0));
        let range = values.map(|value| if log { value.log10() } else { value });
        let (mut least, mut most) =
            range.fold((f64::INFINITY, f64::NEG_INFINITY), |(a, b), v| (a.min(v), b.max(v)));
        if least > most {
            (least, most) = (0.0, 1.0);
        }
        if log {
            (least, most) = (least.floor(), most.ceil());
        } else if least > 0.0 && least < 3.0 * (most - least) {
            least = 0.0;
        }
        if most - least < 1e-9 {
            most = least + 1.0;
        }
        if !log {
            let step = step(least, most);
            (least, most) = ((least / step).floor() * step, (most / step).ceil() * step);
        }
        Scale { log, range: (least, most), pixels: (from, to) }
    }
}

impl Scale {
    /// The pixel of a value; `None` off a log axis.
    pub(super) fn at(&self, value: f64) -> Option<f64> {
        let value = match self.log {
            true if value <= 0.0 => return None,
            true => value.log10(),
            false => value,
        };
        Some(self.pixel(value)).filter(|pixel| pixel.is_finite())
    }

    fn pixel(&self, value: f64) -> f64 {
        let share = (value - self.range.0) / (self.range.1 - self.range.0);
        self.pixels.0 + share * (self.pixels.1 - self.pixels.0)
    }

    /// Pixels and texts of the round numbers on the axis.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        let (least, most) = self.range;
        let step =
            if self.log { 1.0_f64.max(((most - least) / 8.0).ceil()) } else { step(least, most) };
        let count = ((most - least) / step + 1e-9).floor() as usize;
        let values = (0..=count).map(|at| least + step * at as f64);
        values
            .map(|value| {
                let shown = if self.log { 10_f64.powf(value) } else { value };
                (self.pixel(value), number(shown))
            })
            .collect()
    }
}

/// A step of 1, 2 or 5 times a power of ten, with five to ten of them in the range.
fn step(least: f64, most: f64) -> f64 {
    let rough = (most - least) / 6.0;
    let power = 10_f64.powf(rough.log10().floor());
    let factor = match rough / power {
        ..1.5 => 1.0,
        1.5..3.5 => 2.0,
        3.5..7.5 => 5.0,
        _ => 10.0,
    };
    factor * power
}

/// `0.01`, `5`, `20k`, `1M`.
fn number(value: f64) -> String {
    let (value, unit) = match value.abs() {
        1e6.. => (value / 1e6, "M"),
        1e4.. => (value / 1e3, "k"),
        _ => (value, ""),
    };
    let text = format!("{value:.6}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    let text = if text == "-0" { "0" } else { text };
    format!("{text}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_span_the_values() {
        let scale = Axis::linear("y").scale([3.0, 47.0].into_iter(), 0.0, 100.0);
        let texts: Vec<String> = scale.ticks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0", "10", "20", "30", "40", "50"]);
        let scale = Axis::log("x").scale([0.02, 900.0].into_iter(), 0.0, 100.0);
        let texts: Vec<String> = scale.ticks().into_iter().map(|(_, text)| text).collect();
        assert_eq!(texts, ["0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!(number(1_000_000.0), "1M");
        assert_eq!(number(20_000.0), "20k");
    }

    #[test]
    fn a_single_value_has_an_axis_too() {
        for axis in [Axis::linear("x"), Axis::log("x")] {
            let scale = axis.scale([5.0].into_iter(), 0.0, 100.0);
            assert!(scale.at(5.0).is_some_and(|at| (0.0..=100.0).contains(&at)));
        }
    }
}
