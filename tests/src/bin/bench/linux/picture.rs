//! A picture of curves over two logarithmic axes, as SVG. Pure.

use std::fmt::Write as _;

/// What is drawn.
#[derive(Debug)]
pub(crate) struct Picture {
    pub(crate) title: &'static str,
    /// What the axis across says.
    pub(crate) across: &'static str,
    /// What the axis upwards says.
    pub(crate) up: &'static str,
    pub(crate) curves: Vec<Curve>,
}

/// One line of points, all of whose numbers are larger than zero.
#[derive(Debug)]
pub(crate) struct Curve {
    pub(crate) name: &'static str,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Of the whole, in pixels.
const SIZE: (f64, f64) = (720.0, 420.0);

/// Between the axes and the edges: left, top, right, bottom.
const MARGINS: (f64, f64, f64, f64) = (60.0, 40.0, 170.0, 50.0);

/// How the curves look, one after another: in pairs of one colour, the second of which is dashed.
const LOOKS: [(&str, &str); 4] =
    [("#0b6e4f", "none"), ("#0b6e4f", "5 4"), ("#b3541e", "none"), ("#b3541e", "5 4")];

impl Picture {
    /// The picture as a file of its own, which has its own background so that it can be read on any page.
    pub(crate) fn svg(&self) -> String {
        let (width, height) = SIZE;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" font-size=\"12\" role=\"img\">\n\
             <title>{title}</title>\n<rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n\
             <text x=\"{left}\" y=\"24\" font-size=\"15\">{title}</text>\n",
            title = self.title,
            left = MARGINS.0,
        );
        let across = Axis::of(self.values(|point| point.0), (MARGINS.0, width - MARGINS.2));
        let up = Axis::of(self.values(|point| point.1), (height - MARGINS.3, MARGINS.1));
        self.draw_axes(&mut svg, &across, &up);
        for (curve, (colour, dashes)) in self.curves.iter().zip(LOOKS) {
            let points: Vec<_> = curve
                .points
                .iter()
                .map(|(x, y)| format!("{:.1},{:.1}", across.place(*x), up.place(*y)))
                .collect();
            let _ = writeln!(
                svg,
                "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/>",
                points.join(" ")
            );
        }
        self.draw_names(&mut svg);
        svg.push_str("</svg>\n");
        svg
    }

    fn values(&self, of: impl Fn(&(f64, f64)) -> f64) -> Vec<f64> {
        self.curves.iter().flat_map(|curve| curve.points.iter().map(&of)).collect()
    }

    fn draw_axes(&self, svg: &mut String, across: &Axis, up: &Axis) {
        let (width, height) = SIZE;
        let (left, top, right, bottom) = (MARGINS.0, MARGINS.1, width - MARGINS.2, height - MARGINS.3);
        for (tick, place) in across.ticks() {
            let _ = writeln!(
                svg,
                "<path d=\"M{place:.1} {top}V{bottom}\" stroke=\"#ddd\"/><text x=\"{place:.1}\" y=\"{}\" text-anchor=\"middle\">{tick}</text>",
                bottom + 18.0
            );
        }
        for (tick, place) in up.ticks() {
            let _ = writeln!(
                svg,
                "<path d=\"M{left} {place:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{tick}</text>",
                left - 8.0,
                place + 4.0
            );
        }
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n<text transform=\"translate(16 {}) rotate(-90)\" text-anchor=\"middle\">{}</text>",
            (left + right) / 2.0,
            height - 12.0,
            self.across,
            (top + bottom) / 2.0,
            self.up
        );
    }

    /// Which look is which.
    fn draw_names(&self, svg: &mut String) {
        let left = SIZE.0 - MARGINS.2 + 14.0;
        for (at, (curve, (colour, dashes))) in self.curves.iter().zip(LOOKS).enumerate() {
            let y = MARGINS.1 + 12.0 + 20.0 * at as f64;
            let _ = writeln!(
                svg,
                "<path d=\"M{left} {y}h24\" stroke=\"{colour}\" stroke-width=\"2\" stroke-dasharray=\"{dashes}\"/><text x=\"{}\" y=\"{}\">{}</text>",
                left + 30.0,
                y + 4.0,
                curve.name
            );
        }
    }
}

/// A logarithmic axis between two places in the picture.
struct Axis {
    least: f64,
    most: f64,
    places: (f64, f64),
}

impl Axis {
    /// One on which all of these values lie, from one tick to another.
    fn of(values: Vec<f64>, places: (f64, f64)) -> Self {
        let (least, most) = (
            values.iter().copied().fold(f64::MAX, f64::min),
            values.iter().copied().fold(f64::MIN_POSITIVE, f64::max),
        );
        let below = ticks().rev().find(|tick| *tick <= least).unwrap_or(least);
        let above = ticks().find(|tick| *tick >= most && *tick > below).unwrap_or(most);
        Self { least: below, most: above, places }
    }

    fn place(&self, value: f64) -> f64 {
        let part = (value / self.least).ln() / (self.most / self.least).ln();
        self.places.0 + part * (self.places.1 - self.places.0)
    }

    /// What is written beside it, and where.
    fn ticks(&self) -> impl Iterator<Item = (f64, f64)> {
        ticks().filter(|tick| (self.least..=self.most).contains(tick)).map(|tick| (tick, self.place(tick)))
    }
}

/// 1, 2, 5 and so on, from a thousandth to a million.
fn ticks() -> impl DoubleEndedIterator<Item = f64> {
    let powers = ["0.001", "0.01", "0.1", "1", "10", "100", "1000", "10000", "100000"];
    let powers = powers.map(|power| power.parse::<f64>().unwrap_or(1.0));
    // Divided and not multiplied: 0.002 is then the number that is written so.
    powers.into_iter().flat_map(|power| [1.0, 2.0, 5.0].map(|step| step / (1.0 / power)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(values: &[f64]) -> Axis {
        Axis::of(values.to_vec(), (100.0, 300.0))
    }

    #[test]
    fn an_axis_goes_from_the_tick_below_all_values_to_the_one_above() {
        for (values, least, most) in
            [(&[1.5, 7.0][..], 1.0, 10.0), (&[2.0, 50.0], 2.0, 50.0), (&[3.0], 2.0, 5.0), (&[5.0], 5.0, 10.0)]
        {
            let axis = axis(values);
            assert_eq!((axis.least, axis.most), (least, most), "{values:?}");
        }
    }

    #[test]
    fn the_same_factor_is_the_same_way() {
        let axis = axis(&[1.0, 100.0]);
        for (value, place) in [(1.0, 100.0), (10.0, 200.0), (100.0, 300.0)] {
            assert!((axis.place(value) - place).abs() < 1e-9, "{value}");
        }
        let ticks: Vec<_> = axis.ticks().map(|(tick, _)| tick).collect();
        assert_eq!(ticks, [1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0]);
    }

    #[test]
    fn every_curve_is_drawn_and_named() {
        let curve = |name, points: &[(f64, f64)]| Curve { name, points: points.to_vec() };
        let curves = vec![curve("one", &[(1.0, 2.0), (10.0, 20.0)]), curve("two", &[(1.0, 5.0)])];
        let svg = Picture { title: "Title", across: "across", up: "up", curves }.svg();
        assert_eq!(svg.matches("<polyline").count(), 2);
        for word in [">one<", ">two<", ">Title<", ">across<", ">up<", "60.0,370.0 550.0,40.0"] {
            assert!(svg.contains(word), "{word} in {svg}");
        }
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
