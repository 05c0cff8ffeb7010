//! Charts as SVG, in black, white and grey: legible on a copier.

use plotters::coord::Shift;
use plotters::prelude::{
    ChartBuilder, Color, DrawingArea, IntoDrawingArea, IntoFont, PathElement, RGBColor, Rectangle, SVGBackend, Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{BLACK, ShapeStyle, TextStyle, WHITE};

use super::FormError;
use crate::report::doc::{Chart, Shape};
use crate::text::number;

const WIDTH: u32 = 720;
const INK: RGBColor = RGBColor(60, 60, 60);
const PALE: RGBColor = RGBColor(225, 225, 225);

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), String>;

/// The chart as an `<svg>` element.
pub(super) fn svg(chart: &Chart) -> Result<String, FormError> {
    let height = match &chart.shape {
        Shape::Bars { .. } => 190,
        Shape::Heat { rows, .. } => 40 + 20 * len(rows),
        Shape::Pairs { labels, .. } => 50 + 26 * len(labels),
        Shape::Lines { lines, .. } => 120 * len(lines),
    };
    let mut out = String::new();
    {
        let root = SVGBackend::with_string(&mut out, (WIDTH, height)).into_drawing_area();
        let drawn = match &chart.shape {
            Shape::Bars {
                labels,
                values,
                marked,
                mark,
            } => bars(&root, labels, values, (marked, mark)),
            Shape::Heat { rows, values } => heat(&root, rows, values),
            Shape::Pairs {
                labels,
                now,
                usual,
                words,
            } => pairs(&root, labels, [now, usual], words),
            Shape::Lines { labels, lines } => trend(&root, labels, lines),
        };
        let drawn = drawn.and_then(|()| root.present().map_err(|e| e.to_string()));
        drawn.map_err(|why| FormError::Chart(chart.id.clone(), why))?;
    }
    // The element itself, without the declaration a file of its own would need.
    let at = out.find("<svg").unwrap_or(0);
    Ok(out.get(at..).unwrap_or_default().to_owned())
}

fn len<T>(list: &[T]) -> u32 {
    u32::try_from(list.len()).unwrap_or(u32::MAX).min(1_000)
}

fn as_pixels(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}

fn style(size: i32, colour: RGBColor, h: HPos, v: VPos) -> TextStyle<'static> {
    let mut style = TextStyle::from(("sans-serif", size).into_font()).pos(Pos::new(h, v));
    style.color = colour.to_backend_color();
    style
}

fn write(area: &Area<'_>, text: &str, at: (i32, i32), style: TextStyle<'_>) -> Drawn {
    area.draw(&Text::new(text.to_owned(), at, style))
        .map_err(|e| e.to_string())
}

fn block(area: &Area<'_>, corners: [(i32, i32); 2], style: impl Into<ShapeStyle>) -> Drawn {
    area.draw(&Rectangle::new(corners, style)).map_err(|e| e.to_string())
}

/// The end of a scale: a round number not below the largest value.
fn top(values: &[u64]) -> u64 {
    let largest = values.iter().copied().max().unwrap_or(0).max(4);
    let mut step = 1u64;
    while step.saturating_mul(10) <= largest {
        step = step.saturating_mul(10);
    }
    let half = (step / 2).max(1);
    largest.div_ceil(half).saturating_mul(half)
}

/// Bars over days. What is marked is drawn hollow.
fn bars(root: &Area<'_>, labels: &[String], values: &[u64], (marked, mark): (&[bool], &str)) -> Drawn {
    let count = values.len().max(1);
    let wide = as_pixels(count);
    let mut chart = ChartBuilder::on(root)
        .margin_right(8)
        .margin_top(16)
        .x_label_area_size(22)
        .y_label_area_size(52)
        .build_cartesian_2d(0..wide * 10, 0u64..top(values))
        .map_err(|e| e.to_string())?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .disable_x_axis()
        .light_line_style(WHITE)
        .bold_line_style(PALE)
        .y_labels(5)
        .y_label_formatter(&|n| number(*n))
        .label_style(("sans-serif", 11))
        .draw()
        .map_err(|e| e.to_string())?;
    let any_marked = marked.iter().any(|m| *m);
    for (n, value) in values.iter().enumerate() {
        let left = as_pixels(n) * 10;
        let corners = [(left + 2, 0), (left + 8, *value)];
        let hollow = marked.get(n).copied().unwrap_or(false);
        let fill = if hollow { WHITE.filled() } else { INK.filled() };
        chart
            .draw_series([
                Rectangle::new(corners, fill),
                Rectangle::new(corners, INK.stroke_width(1)),
            ])
            .map_err(|e| e.to_string())?;
    }
    let plot = chart.plotting_area();
    let every = count.div_ceil(31).max(1);
    for (n, label) in labels.iter().enumerate().step_by(every) {
        let (x, _) = plot.map_coordinate(&(as_pixels(n) * 10 + 5, 0));
        write(root, label, (x, 172), style(10, BLACK, HPos::Center, VPos::Top))?;
    }
    if any_marked {
        block(root, [(560, 3), (570, 13)], INK.stroke_width(1))?;
        write(root, mark, (575, 2), style(11, BLACK, HPos::Left, VPos::Top))?;
    }
    Ok(())
}

fn heat(root: &Area<'_>, rows: &[String], values: &[Vec<u64>]) -> Drawn {
    const LEFT: i32 = 44;
    const CELL: (i32, i32) = (28, 20);
    let largest = values.iter().flatten().copied().max().unwrap_or(0).max(1);
    for hour in 0..24 {
        let at = (LEFT + hour * CELL.0 + CELL.0 / 2, 4);
        write(root, &hour.to_string(), at, style(10, BLACK, HPos::Center, VPos::Top))?;
    }
    for ((row, hours), n) in rows.iter().zip(values).zip(0..) {
        let above = 20 + n * CELL.1;
        write(
            root,
            row,
            (LEFT - 8, above + 4),
            style(11, BLACK, HPos::Right, VPos::Top),
        )?;
        for (value, hour) in hours.iter().zip(0..) {
            let left = LEFT + hour * CELL.0;
            let corners = [(left, above), (left + CELL.0, above + CELL.1)];
            // Nothing is white; anything at all is seen.
            let share = u8::try_from(value.saturating_mul(200) / largest).unwrap_or(200);
            let grey = if *value == 0 { 255 } else { 235 - share };
            block(root, corners, RGBColor(grey, grey, grey).filled())?;
            block(root, corners, PALE.stroke_width(1))?;
            if 0 < *value && *value < 100_000 {
                let ink = if grey < 130 { WHITE } else { BLACK };
                let at = (left + CELL.0 / 2, above + 6);
                write(root, &value.to_string(), at, style(8, ink, HPos::Center, VPos::Top))?;
            }
        }
    }
    Ok(())
}

fn pairs(root: &Area<'_>, labels: &[String], [now, usual]: [&[u64]; 2], words: &[String; 2]) -> Drawn {
    const LEFT: i32 = 130;
    const LONGEST: u64 = 500;
    let end = top(now).max(top(usual));
    let pixels = |value: u64| i32::try_from(value.saturating_mul(LONGEST) / end.max(1)).unwrap_or(0);
    let [now_word, usual_word] = words;
    block(root, [(LEFT, 6), (LEFT + 12, 16)], INK.filled())?;
    write(root, now_word, (LEFT + 18, 5), style(11, BLACK, HPos::Left, VPos::Top))?;
    block(root, [(LEFT + 120, 6), (LEFT + 132, 16)], INK.stroke_width(1))?;
    write(
        root,
        usual_word,
        (LEFT + 138, 5),
        style(11, BLACK, HPos::Left, VPos::Top),
    )?;
    for (((label, now), usual), n) in labels.iter().zip(now).zip(usual).zip(0..) {
        let above = 28 + n * 26;
        let name: String = label.chars().take(18).collect();
        write(
            root,
            &name,
            (LEFT - 8, above + 4),
            style(11, BLACK, HPos::Right, VPos::Top),
        )?;
        block(root, [(LEFT, above), (LEFT + pixels(*now), above + 9)], INK.filled())?;
        block(
            root,
            [(LEFT, above + 11), (LEFT + pixels(*usual), above + 19)],
            INK.stroke_width(1),
        )?;
        let at = (LEFT + pixels(*now) + 5, above - 1);
        write(root, &number(*now), at, style(10, BLACK, HPos::Left, VPos::Top))?;
    }
    block(
        root,
        [(LEFT, 24), (LEFT, 30 + as_pixels(labels.len()) * 26)],
        BLACK.stroke_width(1),
    )
}

/// One panel a line, each with its own scale: lines of different size never hide one another.
fn trend(root: &Area<'_>, labels: &[String], lines: &[(String, Vec<u64>)]) -> Drawn {
    for ((name, values), area) in lines.iter().zip(root.split_evenly((lines.len().max(1), 1))) {
        let wide = as_pixels(values.len().max(2) - 1) * 10;
        let mut chart = ChartBuilder::on(&area)
            .margin_right(24)
            .margin_top(20)
            .x_label_area_size(18)
            .y_label_area_size(64)
            .build_cartesian_2d(0..wide, 0u64..top(values))
            .map_err(|e| e.to_string())?;
        chart
            .configure_mesh()
            .disable_x_mesh()
            .disable_x_axis()
            .light_line_style(WHITE)
            .bold_line_style(PALE)
            .y_labels(4)
            .y_label_formatter(&|n| number(*n))
            .label_style(("sans-serif", 10))
            .draw()
            .map_err(|e| e.to_string())?;
        let points: Vec<(i32, u64)> = values
            .iter()
            .enumerate()
            .map(|(n, v)| (as_pixels(n) * 10, *v))
            .collect();
        chart
            .draw_series([PathElement::new(points.clone(), INK.stroke_width(2))])
            .map_err(|e| e.to_string())?;
        let plot = chart.plotting_area();
        let (_, foot) = plot.map_coordinate(&(0, 0));
        let origin = area.get_base_pixel();
        for ((point, label), n) in points.iter().zip(labels).zip(0usize..) {
            let (x, y) = plot.map_coordinate(point);
            let (x, y) = (x - origin.0, y - origin.1);
            block(&area, [(x - 2, y - 2), (x + 2, y + 2)], INK.filled())?;
            if n.is_multiple_of(values.len().div_ceil(14).max(1)) {
                let at = (x, foot - origin.1 + 4);
                write(&area, label, at, style(9, BLACK, HPos::Center, VPos::Top))?;
            }
        }
        write(&area, name, (64, 3), style(11, BLACK, HPos::Left, VPos::Top))?;
    }
    Ok(())
}
