//! HL7 v2: messages taken apart by a strict reader and held against chapters 2 and 7 of v2.5.1; and as agreed.

use std::path::PathBuf;

use spinewatch::results::{StudyResult, hl7, samples};

/// Segments of fields of components. Every delimiter that is left in a component must be part of an escape sequence.
type Segments = Vec<Vec<Vec<String>>>;

fn parse(message: &str) -> Result<Segments, String> {
    let body = message.strip_suffix('\r').ok_or("the last segment has no end")?;
    body.split('\r').map(segment).collect()
}

fn segment(text: &str) -> Result<Vec<Vec<String>>, String> {
    if text.contains('\n') || text.ends_with('|') {
        return Err(format!("a line feed or an empty last field: {text:?}"));
    }
    let fields: Vec<&str> = text.split('|').collect();
    let is_head = fields[0] == "MSH";
    // MSH-1 is the separator itself, MSH-2 the encoding characters
    let numbered = fields.iter().enumerate().map(|(i, field)| {
        if is_head && i == 1 { Ok(vec![(*field).to_owned()]) } else { field.split('^').map(unescaped).collect() }
    });
    let mut fields = numbered.collect::<Result<Vec<Vec<String>>, String>>()?;
    if is_head {
        fields.insert(1, vec!["|".to_owned()]);
    }
    Ok(fields)
}

fn unescaped(text: &str) -> Result<String, String> {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        let end = rest[at + 1..].find('\\').ok_or_else(|| format!("an escape without an end: {text}"))? + at + 1;
        out.push(match &rest[at + 1..end] {
            "F" => '|',
            "S" => '^',
            "T" => '&',
            "R" => '~',
            "E" => '\\',
            ".br" => '\n',
            other => return Err(format!("\\{other}\\ is no escape sequence")),
        });
        rest = &rest[end + 1..];
    }
    out.push_str(rest);
    if rest.contains(['&', '~']) { Err(format!("a bare delimiter: {text}")) } else { Ok(out) }
}

fn field(segment: &[Vec<String>], number: usize) -> &[String] {
    segment.get(number).map_or(&[], Vec::as_slice)
}

fn value(segment: &[Vec<String>], number: usize) -> &str {
    field(segment, number).first().map_or("", String::as_str)
}

fn is_time(text: &str) -> bool {
    let (time, zone) = text.split_at(text.len().saturating_sub(5));
    let digits = |text: &str| text.chars().all(|c| c.is_ascii_digit());
    time.len() == 18 && digits(&time[..14]) && time.as_bytes()[14] == b'.' && digits(&time[15..]) && zone == "+0000"
}

/// Required fields, value types and tables of the four segments.
fn check(result: &StudyResult) -> Segments {
    let text = hl7::message(result);
    let segments = parse(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
    let names: Vec<&str> = segments.iter().map(|segment| value(segment, 0)).collect();
    assert_eq!(names[..3], ["MSH", "PID", "OBR"]);
    assert!(names[3..].iter().all(|name| *name == "OBX"));
    let [msh, pid, obr, observations @ ..] = &segments[..] else { panic!("{text}") };
    assert_eq!(field(msh, 9), ["ORU", "R01", "ORU_R01"]);
    assert_eq!(
        (value(msh, 2), value(msh, 11), value(msh, 12), value(msh, 18)),
        ("^~\\&", "P", "2.5.1", "UNICODE UTF-8")
    );
    assert!(is_time(value(msh, 7)), "{}", value(msh, 7));
    assert!(value(msh, 10).len() == 20, "at most 20 characters");
    assert_eq!(field(pid, 3), [&result.told.study_key, "", "", "SPINEWATCH", "ANON"]);
    assert_eq!(field(pid, 5).join("^"), "^^^^^^S", "no name");
    assert_eq!(field(obr, 3)[0], result.told.event_id);
    assert_eq!((field(obr, 4)[0].as_str(), value(obr, 25)), ("24932-6", "P"));
    for (number, obx) in (1..).zip(observations) {
        assert_eq!(value(obx, 1), format!("{number}"));
        let told = value(obx, 5);
        let fits = match value(obx, 2) {
            "CWE" => field(obx, 5).len() >= 3,
            "NM" => told.parse::<f64>().is_ok_and(|n| (0.0..=100.0).contains(&n)) && value(obx, 6) == "%",
            "TX" | "ST" => !told.is_empty(),
            _ => false,
        };
        assert!(fits, "{obx:?}");
        assert!(["P", "I", "X"].contains(&value(obx, 11)), "never final: {obx:?}");
        assert_eq!(value(obx, 14).is_empty(), !result.told.clock_trusted);
        assert_eq!(field(obx, 3).len(), 3);
    }
    segments
}

#[test]
fn every_message_has_what_the_standard_requires() {
    for (_, result) in samples::all() {
        check(&result);
        check(&samples::hashed(result));
    }
}

#[test]
fn every_vertebra_is_told_once_and_one_that_was_not_analysed_has_no_number() {
    for (name, result) in samples::all() {
        let segments = check(&result);
        let of = |level: &str, kind: &str| {
            segments.iter().filter(|s| value(s, 0) == "OBX" && value(s, 4) == level && value(s, 2) == kind).count()
        };
        for level in ["C1", "C2", "C3", "C4", "C5", "C6", "C7"] {
            assert_eq!(of(level, "CWE"), 1, "{name} {level}");
            let status = segments.iter().find(|s| value(s, 4) == level).map(|s| value(s, 11)).unwrap();
            assert_eq!(of(level, "NM"), usize::from(status == "P"), "{name} {level}");
        }
    }
}

#[test]
fn a_reason_with_every_delimiter_comes_back_as_it_was() {
    let result = samples::not_analysed();
    let segments = check(&result);
    let c1 = segments.iter().find(|segment| value(segment, 4) == "C1").unwrap();
    assert_eq!(field(c1, 5)[8], result.told.why.unwrap(), "original text, the ninth component");
}

#[test]
fn the_reader_refuses_what_is_not_escaped() {
    for broken in ["MSH|^~\\&|A\r\nPID\r", "OBX|1\\F|\r", "OBX|a & b\r", "OBX|\\Q\\\r", "OBX|1|\r", "OBX|1"] {
        assert!(parse(broken).is_err(), "{broken:?}");
    }
}

#[test]
fn messages_read_as_agreed() {
    for name in ["provisional", "not-analysed"] {
        let (_, result) = samples::all().into_iter().find(|(sample, _)| *sample == name).unwrap();
        agreed(&format!("{name}.hl7.txt"), &hl7::message(&result).replace('\r', "\n"));
    }
}

/// Compares with a text of `tests/results`; `UPDATE_GOLDEN=1` writes it anew.
pub fn agreed(name: &str, now: &str) {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/results").join(name);
    let now = now.replace(concat!("\"", env!("CARGO_PKG_VERSION"), "\""), "\"VERSION\"");
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&path, &now).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), now, "{name}");
}
