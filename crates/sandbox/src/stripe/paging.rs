//! Lists: newest first, `limit`, `starting_after`, `ending_before`, `created`.

use serde_json::Value;

use super::errors::ApiError;
use super::form::Form;
use super::render;
use super::state::{Row, State};

/// The names every list takes.
pub(crate) const NAMES: [&str; 4] = ["limit", "starting_after", "ending_before", "created"];

/// A page of the rows that pass `keep`.
pub(crate) fn list<T: Row>(
    state: &State,
    form: &Form,
    url: &str,
    keep: impl Fn(&T) -> bool,
) -> Result<Value, ApiError> {
    let (rows, more) = rows(state, form, keep)?;
    let data = rows.into_iter().map(|row| row.render(state)).collect();
    Ok(render::list(url, data, more))
}

/// A page of what lies within an object: in its own order, by ids.
pub(crate) fn within<T>(
    form: &Form,
    url: &str,
    all: &[T],
    id: impl Fn(&T) -> &str,
    show: impl Fn(&T) -> Value,
) -> Result<Value, ApiError> {
    form.only(&["limit", "starting_after", "ending_before"])?;
    let limit = limit(form)?;
    let place = |param: &str| match form.text(param) {
        Some(wanted) => all
            .iter()
            .position(|row| id(row) == wanted)
            .map(Some)
            .ok_or_else(|| ApiError::no_such("object", wanted, param)),
        None => Ok(None),
    };
    let (page, more) = match (place("starting_after")?, place("ending_before")?) {
        (Some(_), Some(_)) => {
            let message = "You can only specify one of these parameters: starting_after, ending_before.";
            return Err(ApiError::invalid(message));
        }
        (None, Some(before)) => (&all[before.saturating_sub(limit)..before], before > limit),
        (after, None) => {
            let rest = &all[after.map_or(0, |after| after + 1)..];
            (&rest[..limit.min(rest.len())], rest.len() > limit)
        }
    };
    Ok(render::list(url, page.iter().map(show).collect(), more))
}

/// The rows of a page, and whether there are more in its direction.
pub(crate) fn rows<'a, T: Row>(
    state: &'a State,
    form: &Form,
    keep: impl Fn(&T) -> bool,
) -> Result<(Vec<&'a T>, bool), ApiError> {
    let limit = limit(form)?;
    let created = Created::of(form)?;
    let table = T::table(state);
    let keep = |row: &&T| created.contains(row.created()) && keep(row);
    let known = |param: &str| match form.text(param) {
        // No list begins at what is deleted.
        Some(id) if table.get(id).is_none_or(|row| row.render(state)["deleted"] == true) => {
            Err(ApiError::no_such(&T::KIND.replace('_', " "), id, param))
        }
        id => Ok(id),
    };
    let (after, before) = (known("starting_after")?, known("ending_before")?);
    let mut found: Vec<&T> = match (after, before) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "You can only specify one of these parameters: starting_after, ending_before.",
            ));
        }
        (Some(id), None) => {
            table.newest().skip_while(|row| row.id() != id).skip(1).filter(keep).take(limit + 1).collect()
        }
        (None, Some(id)) => {
            let mut newer: Vec<&T> =
                table.oldest().skip_while(|row| row.id() != id).skip(1).filter(keep).take(limit + 1).collect();
            let more = newer.len() > limit;
            newer.truncate(limit);
            newer.reverse();
            return Ok((newer, more));
        }
        (None, None) => table.newest().filter(keep).take(limit + 1).collect(),
    };
    let more = found.len() > limit;
    found.truncate(limit);
    Ok((found, more))
}

/// How many rows a page has.
pub(crate) fn limit(form: &Form) -> Result<usize, ApiError> {
    let limit = form.int("limit")?.unwrap_or(10);
    match usize::try_from(limit) {
        Ok(limit @ 1..=100) => Ok(limit),
        _ => Err(ApiError::invalid("This value must be greater than or equal to 1 and less than or equal to 100.")
            .of("limit")),
    }
}

/// The `created` filter.
struct Created {
    from: i64,
    until: i64,
}

impl Created {
    fn of(form: &Form) -> Result<Self, ApiError> {
        let mut span = Self { from: i64::MIN, until: i64::MAX };
        if let Some(parts) = form.parts("created") {
            if let Some(at) = parts.int("gte")? {
                span.from = at;
            }
            if let Some(at) = parts.int("gt")? {
                span.from = at.saturating_add(1);
            }
            if let Some(at) = parts.int("lte")? {
                span.until = at;
            }
            if let Some(at) = parts.int("lt")? {
                span.until = at.saturating_sub(1);
            }
        } else if let Some(at) = form.int("created")? {
            span = Self { from: at, until: at };
        }
        Ok(span)
    }

    fn contains(&self, at: i64) -> bool {
        (self.from..=self.until).contains(&at)
    }
}
