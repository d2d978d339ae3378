//! The goals as bars: how much of each bound is used.

use std::path::Path;

use anyhow::{Result, anyhow};
use plotters::prelude::*;

use super::goals::Outcome;

const WIDTH: u32 = 900;
const ROW: u32 = 34;
const MARGINS: u32 = 110;
/// Bars that need more than this much of their bound are cut off.
const CUT: f64 = 2.0;

const REACHED: RGBColor = RGBColor(46, 125, 50);
const MISSED: RGBColor = RGBColor(198, 40, 40);

/// Draws the measured goals.
pub(super) fn write(path: &Path, outcomes: &[Outcome]) -> Result<()> {
    draw(path, outcomes).map_err(|error| anyhow!("the plot could not be drawn: {error}"))
}

fn draw(path: &Path, outcomes: &[Outcome]) -> Result<(), Box<dyn std::error::Error>> {
    let bars: Vec<(&Outcome, f64)> = outcomes.iter().filter_map(|outcome| outcome.median.map(|median| (outcome, median))).collect();
    let rows = u32::try_from(bars.len())?.max(1);
    let root = SVGBackend::new(path, (WIDTH, rows * ROW + MARGINS)).into_drawing_area();
    root.fill(&WHITE)?;
    let last = i32::try_from(rows)?;
    let mut chart = ChartBuilder::on(&root)
        .caption("Ratio as a part of its goal: left of the line is reached", ("sans-serif", 18))
        .margin(10)
        .x_label_area_size(30)
        .y_label_area_size(60)
        .build_cartesian_2d(0.0..CUT, (0..last - 1).into_segmented())?;
    let name = |segment: &SegmentValue<i32>| match segment {
        SegmentValue::CenterOf(row) | SegmentValue::Exact(row) => usize::try_from(last - 1 - row)
            .ok()
            .and_then(|row| bars.get(row))
            .map_or_else(String::new, |(outcome, _)| outcome.id.to_owned()),
        SegmentValue::Last => String::new(),
    };
    chart
        .configure_mesh()
        .disable_y_mesh()
        .y_labels(bars.len())
        .y_label_formatter(&name)
        .x_label_formatter(&|x| format!("{x:.2}"))
        .draw()?;
    for (row, (outcome, median)) in bars.iter().enumerate() {
        let row = last - 1 - i32::try_from(row)?;
        let length = (median / outcome.must).clamp(0.0, CUT);
        let colour = if outcome.reached() == Some(true) { REACHED } else { MISSED };
        let mut bar = Rectangle::new([(0.0, SegmentValue::Exact(row)), (length, SegmentValue::Exact(row + 1))], colour.mix(0.75).filled());
        bar.set_margin(6, 6, 0, 0);
        chart.draw_series(std::iter::once(bar))?;
        let label = format!("{median:.2} of {:.2}  {}", outcome.must, outcome.text);
        chart.draw_series(std::iter::once(Text::new(label, (0.02, SegmentValue::CenterOf(row)), ("sans-serif", 13).into_font())))?;
    }
    let bound = [(1.0, SegmentValue::Exact(0)), (1.0, SegmentValue::Last)];
    chart.draw_series(LineSeries::new(bound, BLACK.stroke_width(2)))?;
    root.present()?;
    Ok(())
}
