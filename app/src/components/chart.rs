//! Charts, drawn on the server. Each carries its numbers as a table for those who cannot see it.

use super::Tone;
use leptos::prelude::*;
use patchbay_domain::money::group_thousands;
use std::fmt::Write;

/// One line, or one layer of stacked bars.
#[derive(Clone, Debug, PartialEq)]
pub struct Series {
    pub name: String,
    pub tone: Tone,
    /// As many as there are labels.
    pub values: Vec<f64>,
}

impl Series {
    pub fn new(name: impl Into<String>, tone: Tone, values: Vec<f64>) -> Self {
        Self { name: name.into(), tone, values }
    }
}

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 180.0;
const LEFT: f64 = 4.0;
const BOTTOM: f64 = 4.0;
const TOP: f64 = 8.0;

/// Stacked bars, oldest first.
#[component]
pub fn BarChart(
    #[prop(into)] title: String,
    labels: Vec<String>,
    series: Vec<Series>,
    #[prop(optional, into)] unit: Option<String>,
) -> impl IntoView {
    let totals = (0..labels.len()).map(|index| series.iter().map(|one| value_at(one, index)).sum::<f64>());
    let top = ceiling(totals.fold(0.0, f64::max));
    let slot = (WIDTH - LEFT) / coordinate(labels.len().max(1));
    let gap = (slot * 0.2).min(6.0);
    let bars = labels
        .iter()
        .enumerate()
        .map(|(index, label)| {
            let mut base = HEIGHT - BOTTOM;
            let mut tip = label.clone();
            let parts = series
                .iter()
                .map(|one| {
                    let value = value_at(one, index);
                    let height = scaled(value, top);
                    base -= height;
                    let _ = write!(tip, "\n{}: {}", one.name, number(value));
                    (height > 0.0).then(|| {
                        view! {
                            <rect
                                class=one.tone.fill()
                                x=fixed(LEFT + slot * coordinate(index) + gap / 2.0)
                                y=fixed(base)
                                width=fixed(slot - gap)
                                height=fixed(height)
                            ></rect>
                        }
                    })
                })
                .collect_view();
            view! {
                <g class="hover:opacity-75">
                    <title>{tip}</title>
                    <rect x=fixed(LEFT + slot * coordinate(index)) y="0" width=fixed(slot) height=fixed(HEIGHT) fill="transparent"></rect>
                    {parts}
                </g>
            }
        })
        .collect_view();
    view! { <Figure title=title unit=unit labels=labels series=series top=top sums=true drawing=bars.into_any()/> }
}

/// The first series as an area, the others as lines.
#[component]
pub fn AreaChart(
    #[prop(into)] title: String,
    labels: Vec<String>,
    series: Vec<Series>,
    #[prop(optional, into)] unit: Option<String>,
) -> impl IntoView {
    let highest = series.iter().flat_map(|one| one.values.iter().copied()).fold(0.0, f64::max);
    let top = ceiling(highest);
    let steps = coordinate(labels.len().saturating_sub(1).max(1));
    let drawing = series
        .iter()
        .enumerate()
        .map(|(order, one)| {
            let mut line = String::new();
            for index in 0..labels.len() {
                let x = LEFT + (WIDTH - LEFT) * coordinate(index) / steps;
                let y = HEIGHT - BOTTOM - scaled(value_at(one, index), top);
                let letter = if index == 0 { 'M' } else { 'L' };
                let _ = write!(line, "{letter}{x:.1} {y:.1}");
            }
            let area = (order == 0).then(|| {
                let foot = fixed(HEIGHT - BOTTOM);
                let d = format!("{line}L{WIDTH} {foot}L{LEFT} {foot}Z");
                view! { <path class=one.tone.fill() fill-opacity="0.15" d=d></path> }
            });
            view! {
                {area}
                <path class=stroke(one.tone) fill="none" stroke-width="1.75" stroke-linejoin="round" vector-effect="non-scaling-stroke" d=line></path>
            }
        })
        .collect_view();
    view! { <Figure title=title unit=unit labels=labels series=series top=top sums=false drawing=drawing.into_any()/> }
}

#[component]
fn Figure(
    title: String,
    unit: Option<String>,
    labels: Vec<String>,
    series: Vec<Series>,
    top: f64,
    /// Whether the legend adds the values up; it shows the latest otherwise.
    sums: bool,
    drawing: AnyView,
) -> impl IntoView {
    let unit = unit.unwrap_or_default();
    let middle = TOP + (HEIGHT - TOP - BOTTOM) / 2.0;
    let lines = [TOP, middle, HEIGHT - BOTTOM]
        .map(|y| view! { <line class="stroke-line" x1=fixed(LEFT) x2=fixed(WIDTH) y1=fixed(y) y2=fixed(y) vector-effect="non-scaling-stroke"></line> });
    let legend = series
        .iter()
        .map(|one| {
            let latest = one.values.last().copied().unwrap_or_default();
            let figure = if sums { one.values.iter().sum() } else { latest };
            view! {
                <li class="flex items-center gap-1.5">
                    <svg viewBox="0 0 8 8" class="size-2" aria-hidden="true"><rect class=one.tone.fill() width="8" height="8" rx="2"></rect></svg>
                    {one.name.clone()}
                    <span class="text-ink-soft tabular-nums">{format!("{}{unit}", number(figure))}</span>
                </li>
            }
        })
        .collect_view();
    let alternative = view! { <NumbersTable title=title.clone() labels=labels.clone() series=series/> };
    let ends = (labels.first().cloned(), labels.get(labels.len() / 2).cloned(), labels.last().cloned());
    view! {
        <figure class="min-w-0">
            <figcaption class="mb-2 flex flex-wrap items-center justify-between gap-x-4 gap-y-1 text-xs">
                <span class="font-medium text-ink-soft">{title.clone()}</span>
                <ul class="flex flex-wrap gap-x-4 gap-y-1">{legend}</ul>
            </figcaption>
            <div class="flex gap-2">
                <div class="flex h-44 shrink-0 flex-col justify-between text-right text-[0.6875rem] text-ink-soft tabular-nums" aria-hidden="true">
                    <span>{format!("{}{unit}", number(top))}</span>
                    <span>{format!("{}{unit}", number(top / 2.0))}</span>
                    <span>"0"</span>
                </div>
                <div class="min-w-0 flex-1">
                    <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") preserveAspectRatio="none" class="block h-44 w-full" aria-hidden="true">
                        {lines.into_iter().collect_view()}
                        {drawing}
                    </svg>
                    <div class="mt-1 flex justify-between text-[0.6875rem] text-ink-soft tabular-nums" aria-hidden="true">
                        <span>{ends.0}</span>
                        <span>{ends.1}</span>
                        <span>{ends.2}</span>
                    </div>
                </div>
            </div>
            {alternative}
        </figure>
    }
}

#[component]
fn NumbersTable(title: String, labels: Vec<String>, series: Vec<Series>) -> impl IntoView {
    let head = series.iter().map(|one| view! { <th scope="col">{one.name.clone()}</th> }).collect_view();
    let rows = labels
        .into_iter()
        .enumerate()
        .map(|(index, label)| {
            let cells = series.iter().map(|one| view! { <td>{number(value_at(one, index))}</td> }).collect_view();
            view! { <tr><th scope="row">{label}</th>{cells}</tr> }
        })
        .collect_view();
    view! {
        <div class="sr-only">
            <table>
                <caption>{title}</caption>
                <thead>
                    <tr><th scope="col">"Time"</th>{head}</tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </div>
    }
}

const fn stroke(tone: Tone) -> &'static str {
    match tone {
        Tone::Good => "stroke-good-mark",
        Tone::Info => "stroke-accent-mark",
        Tone::Warn => "stroke-warn-mark",
        Tone::Bad => "stroke-bad-mark",
        Tone::Neutral => "stroke-neutral-mark",
    }
}

fn value_at(series: &Series, index: usize) -> f64 {
    series.values.get(index).copied().unwrap_or(0.0).max(0.0)
}

fn scaled(value: f64, top: f64) -> f64 {
    value / top * (HEIGHT - TOP - BOTTOM)
}

fn fixed(value: f64) -> String {
    format!("{value:.1}")
}

/// Whole numbers grouped, others with one digit.
fn number(value: f64) -> String {
    let whole = format!("{value:.0}");
    if value.fract().abs() >= 0.05 {
        return format!("{value:.1}");
    }
    whole.parse().map_or(whole, group_thousands)
}

/// A round number that is not below the value and whose half, which is marked too, is whole: charts show counts.
fn ceiling(value: f64) -> f64 {
    if value <= 10.0 {
        return (value / 2.0).ceil().max(1.0) * 2.0;
    }
    let power = 10_f64.powf(value.log10().floor());
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0]
        .into_iter()
        .map(|step| step * power)
        .find(|top| *top >= value)
        .unwrap_or(value)
}

/// A count as a coordinate; charts never have so many points that this loses any.
pub(super) fn coordinate(count: usize) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_a_round_number() {
        for (value, top) in [(0.0, 2.0), (3.0, 4.0), (10.0, 10.0), (11.0, 20.0), (4_321.0, 5_000.0), (280.0, 300.0)] {
            assert!((ceiling(value) - top).abs() < 1e-9, "{value}");
        }
    }
}
