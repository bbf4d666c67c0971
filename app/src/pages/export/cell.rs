//! Cells that a spreadsheet takes for what they are.

/// The lines as CSV: RFC 4180, UTF-8.
pub fn lines(lines: &[Vec<String>]) -> Result<Vec<u8>, csv::Error> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    for line in lines {
        writer.write_record(line.iter().map(|cell| safe(cell)))?;
    }
    writer.into_inner().map_err(|error| error.into_error().into())
}

/// A spreadsheet runs what begins like a formula. A quotation mark in front makes it text; plain numbers stay numbers.
fn safe(cell: &str) -> String {
    let begins_a_formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']);
    if begins_a_formula && !is_number(cell) { format!("'{cell}") } else { cell.to_owned() }
}

fn is_number(cell: &str) -> bool {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, decimals) = digits.split_once('.').unwrap_or((digits, "0"));
    [whole, decimals].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_formula_becomes_text() {
        for cell in ["=1+1", "+4930123", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "-", "-1e5", "--1", "-1.2.3"] {
            assert_eq!(safe(cell), format!("'{cell}"));
        }
    }

    #[test]
    fn numbers_and_words_stay_as_they_are() {
        for cell in ["", "-12.50", "-3", "0", "sub_1=a", "Ada – “Lovelace”", "2026-11-20T09:30:00Z"] {
            assert_eq!(safe(cell), cell);
        }
    }

    #[test]
    fn commas_quotes_and_line_breaks_stay_inside_of_their_cell() {
        let line = ["a,b", "say \"hi\"", "two\nlines"].map(str::to_owned).to_vec();
        let text = String::from_utf8(lines(&[line]).unwrap()).unwrap();
        assert_eq!(text, "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\"\r\n");
    }
}
