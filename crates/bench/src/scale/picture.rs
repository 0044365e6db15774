//! The picture of docs/performance.md: a bar for the ratio of each subject, as an SVG that reads well on light and on dark pages.

use std::fmt::Write;

use super::table::{Both, digits};

/// Widths and heights, in the picture's units.
const WIDTH: f64 = 760.0;
const LEFT: f64 = 170.0;
const RIGHT: f64 = 190.0;
const ROW: f64 = 30.0;
const BAR: f64 = 16.0;
const TOP: f64 = 58.0;
const BOTTOM: f64 = 34.0;
/// The ratio at the end of the scale, unless a bar is longer.
const LEAST_SCALE: f64 = 1.2;
/// The ratio that no bar should exceed.
const GOAL: f64 = 1.1;

const STYLE: &str = "text{font:13px sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}.small{fill:#57606a}\
    .bar{fill:#0969da}.above{fill:#bc4c00}.axis{stroke:#57606a}.goal{stroke:#bc4c00;stroke-dasharray:4 3}\
    @media(prefers-color-scheme:dark){text{fill:#e6edf3}.small{fill:#9198a1}.bar{fill:#4493f8}.above{fill:#f0883e}\
    .axis{stroke:#9198a1}.goal{stroke:#f0883e}}";

/// Draws the ratios of the subjects' median latencies.
pub(super) fn draw(title: &str, medians: &[(&str, Both<f64>)]) -> Result<String, std::fmt::Error> {
    let longest = medians.iter().map(|(_, both)| both.ratio()).fold(LEAST_SCALE, f64::max);
    let x = |ratio: f64| LEFT + ratio / longest * (WIDTH - LEFT - RIGHT);
    let bottom = medians.iter().fold(TOP, |y, _| y + ROW);
    let (axis, height) = (bottom + 18.0, bottom + BOTTOM);
    let mut svg = String::new();
    writeln!(
        svg,
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"><title>{title}</title><style>{STYLE}</style>"#
    )?;
    writeln!(svg, r#"<text class="title" x="8" y="22">{title}</text>"#)?;
    writeln!(
        svg,
        r#"<text class="small" x="8" y="42">p50, as a multiple of the one with few tenants</text>"#
    )?;
    let mut y = TOP;
    for (label, both) in medians {
        let (ratio, text) = (both.ratio(), y + 13.0);
        let class = if ratio > GOAL { "above" } else { "bar" };
        let (width, figures) = (x(ratio) - LEFT, WIDTH - RIGHT + 10.0);
        writeln!(svg, r#"<text x="{}" y="{text}" text-anchor="end">{label}</text>"#, LEFT - 8.0)?;
        writeln!(svg, r#"<rect class="{class}" x="{LEFT}" y="{y}" width="{width:.1}" height="{BAR}"/>"#)?;
        writeln!(
            svg,
            r#"<text x="{figures}" y="{text}">{ratio:.2}<tspan class="small"> ({} → {} ms)</tspan></text>"#,
            digits(both.few()),
            digits(both.many())
        )?;
        y += ROW;
    }
    for (class, ratio) in [("axis", 1.0), ("goal", GOAL)] {
        let x = x(ratio);
        let anchor = if ratio > 1.0 { "start" } else { "end" };
        writeln!(
            svg,
            r#"<line class="{class}" x1="{x:.1}" x2="{x:.1}" y1="{}" y2="{}"/>"#,
            TOP - 6.0,
            axis - 14.0
        )?;
        writeln!(svg, r#"<text class="small" x="{x:.1}" y="{axis}" text-anchor="{anchor}">{ratio}</text>"#)?;
    }
    writeln!(svg, "</svg>")?;
    Ok(svg)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_long_as_its_ratio() {
        let medians = [("get", Both::new(2.0, 2.0)), ("list", Both::new(2.0, 8.0))];
        let svg = draw("Tenants", &medians).unwrap();
        let widths: Vec<f64> = svg
            .lines()
            .filter(|line| line.starts_with("<rect"))
            .map(|line| line.split("width=\"").nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(widths, [100.0, 400.0]);
        assert!(
            svg.contains("class=\"above\"") && svg.contains("4.00<tspan class=\"small\"> (2.00 → 8.00 ms)"),
            "{svg}"
        );
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
    }
}
