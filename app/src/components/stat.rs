//! A number that matters, where it comes from and where it is going.

use super::{Glyph, Icon, StatusBadge, Tone, chart::coordinate};
use leptos::prelude::*;
use std::fmt::Write;

/// Which way is good for a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    UpIsGood,
    DownIsGood,
    #[default]
    Neither,
}

/// A number against the same number of the period before.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    pub now: f64,
    pub before: f64,
    pub direction: Direction,
    /// Such as `than the day before`.
    pub period: &'static str,
}

impl Change {
    fn words(self) -> String {
        if self.before.abs() < f64::EPSILON {
            return if self.now.abs() < f64::EPSILON {
                format!("no change from {}", self.period)
            } else {
                format!("none {}", self.period)
            };
        }
        let percent = (self.now - self.before) / self.before.abs() * 100.0;
        if percent.abs() < 0.5 {
            return format!("no change from {}", self.period);
        }
        let sign = if percent > 0.0 { "+" } else { "−" };
        format!("{sign}{:.0}% vs {}", percent.abs(), self.period)
    }

    fn look(self) -> (Option<Icon>, Tone) {
        let difference = self.now - self.before;
        if difference.abs() < f64::EPSILON {
            return (None, Tone::Neutral);
        }
        let up = difference > 0.0;
        let icon = if up { Icon::TrendingUp } else { Icon::TrendingDown };
        let tone = match (self.direction, up) {
            (Direction::Neither, _) => Tone::Neutral,
            (Direction::UpIsGood, true) | (Direction::DownIsGood, false) => Tone::Good,
            _ => Tone::Bad,
        };
        (Some(icon), tone)
    }
}

#[component]
pub fn StatTile(
    #[prop(into)] label: String,
    /// As people read it: `1,204`, `99.98 %`.
    #[prop(into)]
    value: String,
    #[prop(optional)] change: Option<Change>,
    /// Oldest first, evenly spaced.
    #[prop(optional)]
    points: Vec<f64>,
    #[prop(optional, into)] href: Option<String>,
    #[prop(optional, into)] note: Option<String>,
    #[prop(optional, into)] status: Option<String>,
) -> impl IntoView {
    let name = label.clone();
    let heading = match href {
        Some(href) => {
            view! { <a href=href class="after:absolute after:inset-0 after:rounded-lg hover:text-accent">{label}</a> }
                .into_any()
        }
        None => label.into_any(),
    };
    view! {
        <div class="relative flex min-w-0 flex-col rounded-lg border border-line bg-surface p-4 hover:has-[a]:border-line-strong">
            <div class="flex min-h-5.5 items-center justify-between gap-2 text-xs font-medium text-ink-soft">
                <p class="truncate">{heading}</p>
                {status.map(|status| view! { <StatusBadge status=status/> })}
            </div>
            <div class="mt-1 flex items-end justify-between gap-3">
                <p class="text-2xl font-semibold tracking-tight whitespace-nowrap tabular-nums">{value}</p>
                {(points.len() > 1).then(|| view! { <Sparkline label=name points=points/> })}
            </div>
            {change
                .map(|change| {
                    let (icon, tone) = change.look();
                    view! {
                        <p class=format!("mt-1 flex items-center gap-1 text-xs {}", tone.text())>
                            {icon.map(|icon| view! { <Glyph icon=icon class="size-3.5 shrink-0"/> })}
                            {change.words()}
                        </p>
                    }
                })}
            {note.map(|note| view! { <p class="mt-1 text-xs text-ink-soft">{note}</p> })}
        </div>
    }
}

/// The shape of a series, as wide as a word.
#[component]
pub fn Sparkline(#[prop(into)] label: String, points: Vec<f64>) -> impl IntoView {
    const WIDTH: f64 = 96.0;
    const HEIGHT: f64 = 28.0;
    let (low, high) = bounds(&points);
    let span = if (high - low).abs() < f64::EPSILON { 1.0 } else { high - low };
    let steps = coordinate(points.len().saturating_sub(1).max(1));
    let mut line = String::new();
    for (index, point) in points.iter().enumerate() {
        let x = coordinate(index) / steps * (WIDTH - 4.0) + 2.0;
        let y = HEIGHT - 3.0 - (point - low) / span * (HEIGHT - 6.0);
        let letter = if index == 0 { 'M' } else { 'L' };
        let _ = write!(line, "{letter}{x:.1} {y:.1}");
    }
    let area = format!("{line}L{:.1} {HEIGHT}L2 {HEIGHT}Z", WIDTH - 2.0);
    let last = points.last().copied().unwrap_or_default();
    let text = format!("{label}: from {low} to {high}, now {last}");
    view! {
        <svg viewBox=format!("0 0 {WIDTH} {HEIGHT}") width="96" height="28" role="img" aria-label=text class="min-w-0 shrink text-accent-mark">
            <path d=area fill="currentColor" fill-opacity="0.12"></path>
            <path d=line fill="none" stroke="currentColor" stroke-width="1.5" stroke-linejoin="round" stroke-linecap="round"></path>
        </svg>
    }
}

fn bounds(points: &[f64]) -> (f64, f64) {
    let low = points.iter().copied().fold(f64::INFINITY, f64::min);
    let high = points.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if low.is_finite() { (low, high) } else { (0.0, 0.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(now: f64, before: f64, direction: Direction) -> Change {
        Change { now, before, direction, period: "yesterday" }
    }

    #[test]
    fn a_change_says_how_much_and_against_what() {
        assert_eq!(change(150.0, 100.0, Direction::Neither).words(), "+50% vs yesterday");
        assert_eq!(change(90.0, 100.0, Direction::Neither).words(), "−10% vs yesterday");
        assert_eq!(change(5.0, 0.0, Direction::Neither).words(), "none yesterday");
        assert_eq!(change(0.0, 0.0, Direction::Neither).words(), "no change from yesterday");
    }

    #[test]
    fn more_failures_are_never_green() {
        assert_eq!(change(2.0, 1.0, Direction::DownIsGood).look().1, Tone::Bad);
        assert_eq!(change(2.0, 1.0, Direction::UpIsGood).look().1, Tone::Good);
    }
}
