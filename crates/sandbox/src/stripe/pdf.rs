//! A one-page PDF of an invoice, written by hand: five objects, a standard font, no compression.

use std::fmt::Write;

use super::model::{Customer, Invoice};
use super::pricing::money;
use super::time;

/// The file.
pub(crate) fn invoice(row: &Invoice, customer: Option<&Customer>) -> Vec<u8> {
    let mut page = Page::default();
    page.text(50, 780, 22, "Invoice");
    page.text(50, 755, 10, "Sandbox - nothing here is real");
    let number = row.number.as_deref().unwrap_or("draft");
    page.text(50, 725, 11, &format!("Number: {number}"));
    page.text(50, 710, 11, &format!("Date: {}", time::day(row.created)));
    page.text(50, 695, 11, &format!("Status: {}", row.status));
    if let Some(customer) = customer {
        // The standard fonts have Western letters only; for other names the address has to do.
        let name = customer.name.as_deref().filter(|name| encode(name).is_some());
        let email = customer.email.as_deref().unwrap_or(&customer.id);
        page.text(50, 670, 11, &format!("Billed to: {}", name.unwrap_or(email)));
        if name.is_some() {
            page.text(50, 655, 11, email);
        }
    }
    let mut y = 620;
    for line in row.lines.iter().take(20) {
        page.text(50, y, 10, &line.description);
        page.text(460, y, 10, &money(&row.currency, line.amount));
        y -= 13;
        let period = format!("{} - {}", time::day(line.start), time::day(line.end));
        page.text(50, y, 8, &period);
        y -= 19;
    }
    let off: i64 = row.discounts().iter().map(|(_, off)| off).sum();
    if off > 0 {
        page.text(50, y, 10, "Discounts");
        page.text(460, y, 10, &money(&row.currency, -off));
        y -= 19;
    }
    page.text(50, y - 10, 12, "Total");
    page.text(460, y - 10, 12, &money(&row.currency, row.total()));
    page.text(50, y - 28, 12, "Amount due");
    page.text(460, y - 28, 12, &money(&row.currency, row.amount_remaining()));
    page.finish(&format!("Invoice {number}"))
}

#[derive(Default)]
struct Page {
    content: Vec<u8>,
}

impl Page {
    fn text(&mut self, x: i32, y: i32, size: i32, text: &str) {
        let bytes = encode(text).unwrap_or_else(|| text.chars().map(|c| code(c).unwrap_or(b'?')).collect());
        self.content.extend_from_slice(format!("BT /F1 {size} Tf {x} {y} Td (").as_bytes());
        for byte in bytes {
            if matches!(byte, b'(' | b')' | b'\\') {
                self.content.push(b'\\');
            }
            self.content.push(byte);
        }
        self.content.extend_from_slice(b") Tj ET\n");
    }

    fn finish(self, title: &str) -> Vec<u8> {
        let mut out = b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n".to_vec();
        let mut offsets = Vec::new();
        let mut stream = format!("<< /Length {} >>\nstream\n", self.content.len()).into_bytes();
        stream.extend_from_slice(&self.content);
        stream.extend_from_slice(b"endstream");
        let title: String = title.chars().filter(|c| c.is_ascii_alphanumeric() || *c == ' ' || *c == '-').collect();
        let objects: [Vec<u8>; 6] = [
            b"<< /Type /Catalog /Pages 2 0 R >>".to_vec(),
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_vec(),
            b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources << /Font << /F1 5 0 R >> >> /Contents 4 0 R >>".to_vec(),
            stream,
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /Encoding /WinAnsiEncoding >>".to_vec(),
            format!("<< /Title ({title}) >>").into_bytes(),
        ];
        for (at, object) in objects.iter().enumerate() {
            offsets.push(out.len());
            out.extend_from_slice(format!("{} 0 obj\n", at + 1).as_bytes());
            out.extend_from_slice(object);
            out.extend_from_slice(b"\nendobj\n");
        }
        let start = out.len();
        let mut tail = format!("xref\n0 {}\n0000000000 65535 f \n", objects.len() + 1);
        for offset in offsets {
            let _infallible = writeln!(tail, "{offset:010} 00000 n ");
        }
        let _infallible = write!(
            tail,
            "trailer\n<< /Size {} /Root 1 0 R /Info 6 0 R >>\nstartxref\n{start}\n%%EOF\n",
            objects.len() + 1
        );
        out.extend_from_slice(tail.as_bytes());
        out
    }
}

/// The text in the standard fonts' encoding, if all of it has a letter there.
fn encode(text: &str) -> Option<Vec<u8>> {
    text.chars().map(code).collect()
}

fn code(letter: char) -> Option<u8> {
    match letter {
        ' '..='~' => u8::try_from(letter).ok(),
        '\u{a0}'..='\u{ff}' => u8::try_from(u32::from(letter)).ok(),
        '€' => Some(0x80),
        '–' => Some(0x96),
        '’' => Some(0x92),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn western_letters_have_a_code_and_others_do_not() {
        assert_eq!(encode("Zoë €"), Some(vec![b'Z', b'o', 0xeb, b' ', 0x80]));
        assert_eq!(encode("東京"), None);
    }

    #[test]
    fn the_table_points_at_the_objects() {
        let file = Page::default().finish("Invoice 1");
        let text = String::from_utf8_lossy(&file);
        assert!(text.ends_with("%%EOF\n"));
        let at: usize = text
            .rsplit("startxref\n")
            .next()
            .and_then(|tail| tail.lines().next())
            .and_then(|n| n.parse().ok())
            .expect("a number");
        assert_eq!(&file[at..at + 4], b"xref");
    }
}
