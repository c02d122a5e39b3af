//! Tests: every row of `tests/vectors/*.jsonl` against the SMS codec, whole and damaged; never a device. A bug enters
//! there as a row before it is fixed. More rows of these kinds are read from `$RUT_AGENT_VECTORS` when it is set.
//!
//! Field by field: what a row does not name is not asserted; a field this file does not know is named on the output.

#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use rut_agent::message::{Encoding, Number};
use rut_agent::sms::{
    Address, Body, Concat, Direction, Limits, Payload, SubmitOptions, SubmitTpdu, Tables, Tpdu,
    Validity, cut, decode, emit_scts, encode_septets, from_hex, pack_septets, parse_scts, preview,
    relative_validity, split, submit, to_hex, unpack_septets, validity_minutes,
};
use rut_agent::time::WallTime;
use serde_json::{Value, json};

const KINDS: [&str; 9] = [
    "address",
    "decode",
    "encode",
    "gsm7",
    "invalid",
    "lang-userdata",
    "scts",
    "split",
    "validity",
];

fn files() -> Vec<PathBuf> {
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/vectors"));
    let more = std::env::var_os("RUT_AGENT_VECTORS").map(PathBuf::from);
    let mut files: Vec<PathBuf> = [own]
        .into_iter()
        .chain(more)
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|it| it == "jsonl"))
        .collect();
    files.sort();
    files
}

fn is_of(kind: &str, file: &Path) -> bool {
    file.file_stem()
        .and_then(|stem| stem.to_str())
        .is_some_and(|stem| stem.starts_with(kind))
}

/// The rows of the files of one kind, by file.
fn rows(kind: &str) -> Vec<(PathBuf, Vec<Value>)> {
    let read = |file: PathBuf| {
        let text = std::fs::read_to_string(&file).unwrap();
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        let row = |line| {
            let read = serde_json::from_str(line);
            read.unwrap_or_else(|why| panic!("{}: {why}: {line}", file.display()))
        };
        let rows: Vec<Value> = lines.map(row).collect();
        assert!(!rows.is_empty(), "{} is empty", file.display());
        (file, rows)
    };
    files()
        .into_iter()
        .filter(|file| is_of(kind, file))
        .map(read)
        .collect()
}

/// Runs `check` on every row of one kind, and says how many there were in each file.
fn each_row(kind: &str, check: fn(&Value)) {
    for (file, rows) in rows(kind) {
        for row in &rows {
            println!("{} {}", file.display(), row["id"]);
            check(row);
        }
        println!("{}: {} rows passed", file.display(), rows.len());
    }
}

fn bytes(row: &Value, key: &str) -> Vec<u8> {
    from_hex(row[key].as_str().unwrap()).unwrap()
}

fn string<'a>(row: &'a Value, key: &str) -> &'a str {
    row[key].as_str().unwrap()
}

/// The row's PDU with the service centre in front, whether the row has it or not.
fn pdu(row: &Value) -> Vec<u8> {
    let mut octets = bytes(row, "pdu");
    if row["has_smsc"] == json!(false) {
        octets.insert(0, 0);
    }
    octets
}

/// RFC 3339, also with the zone in whole hours: the moment, and quarter-hours east.
fn moment(text: &str) -> (WallTime, i8) {
    let (front, zone) = text.split_at(19);
    let full = match zone.len() {
        0 => format!("{front}Z"),
        3 => format!("{text}:00"),
        _ => String::from(text),
    };
    let here = WallTime::parse_rfc3339(&full).unwrap();
    let there = WallTime::parse_rfc3339(&format!("{front}Z")).unwrap();
    let quarters = (there.unix_s() - here.unix_s()) / 900;
    (here, i8::try_from(quarters).unwrap())
}

#[test]
fn every_file_is_of_a_kind_that_is_checked() {
    for file in files() {
        assert!(KINDS.iter().any(|kind| is_of(kind, &file)), "{file:?}");
    }
    for kind in KINDS {
        assert!(files().iter().any(|file| is_of(kind, file)), "{kind}");
    }
}

// ---- decode ----

fn body(facts: &mut Value, encoding: Encoding, body: &Body) {
    facts["eight_bit"] = json!(encoding == Encoding::Data);
    match body {
        Body::Text(text) => facts["text"] = json!(text),
        Body::Data(data) => facts["data_hex"] = json!(to_hex(data)),
    }
}

fn concat(facts: &mut Value, concat: Option<Concat>) {
    facts["multipart"] = json!(concat.is_some());
    if let Some(it) = concat {
        let bits = if it.wide { 16 } else { 8 };
        facts["concat"] =
            json!({"ref": it.reference, "total": it.total, "seq": it.sequence, "bits": bits});
    }
}

/// What a TPDU says, under the rows' names; times as seconds.
fn facts(tpdu: &Tpdu) -> Value {
    let seconds = |at: Option<WallTime>| json!(at.map(WallTime::unix_s));
    match tpdu {
        Tpdu::Deliver(it) => {
            let mut facts = json!({
                "mti": "deliver", "smsc": it.smsc, "number": it.from, "pid": it.pid, "dcs": it.dcs, "class": it.class,
                "timestamp": seconds(it.sent_at), "dest_port": it.ports.map(|ports| ports.0),
                "orig_port": it.ports.map(|ports| ports.1), "alnum": it.from.is_alphanumeric(),
            });
            body(&mut facts, it.encoding, &it.body);
            concat(&mut facts, it.concat);
            facts
        }
        Tpdu::StatusReport(it) => json!({
            "mti": "status-report", "number": it.to, "reference": it.reference, "status": it.status,
            "timestamp": seconds(it.sent_at), "discharge": seconds(it.discharged_at), "multipart": false,
        }),
        Tpdu::Submit(it) => {
            let mut facts = json!({
                "mti": "submit", "smsc": it.smsc, "number": it.to, "reference": it.reference, "dcs": it.dcs,
                "validity_minutes": it.validity_minutes,
            });
            let encoding = match it.body {
                Body::Data(_) => Encoding::Data,
                Body::Text(_) => Encoding::Ucs2,
            };
            body(&mut facts, encoding, &it.body);
            concat(&mut facts, it.concat);
            facts
        }
    }
}

/// The rows that contradict themselves: id, field, and what it should say.
/// - `gecko-spanish-lock` notes zone octet 20, two quarter-hours east, and gives the local time as UTC.
const ERRATA: [(&str, &str, &str); 1] = [(
    "gecko-spanish-lock",
    "timestamp",
    "2015-03-12T15:47:00+00:30",
)];

fn wanted_moment(row: &Value, key: &str) -> WallTime {
    let erratum = ERRATA
        .iter()
        .find(|(id, field, _)| row["id"] == *id && key == *field);
    let text = erratum.map_or(string(row, key), |(_, _, text)| text);
    moment(text).0
}

/// TP-UDL and UDHL are no facts of the message: they are looked up from the end, where the user data lies.
fn check_length_octets(row: &Value, pdu: &[u8]) {
    let Some(tp_udl) = row["udl"].as_u64() else {
        return;
    };
    let octets = (usize::try_from(tp_udl).unwrap() * 7).div_ceil(8);
    let (head, user_data) = pdu.split_at(pdu.len() - octets);
    assert_eq!(head.last().copied().map(u64::from), Some(tp_udl));
    if let Some(udhl) = row["udhl"].as_u64() {
        assert_eq!(u64::from(user_data[0]), udhl);
    }
}

fn check_decoded(row: &Value) {
    let octets = pdu(row);
    let direction = match string(row, "mti") {
        "submit" => Direction::ToNetwork,
        _ => Direction::FromNetwork,
    };
    let tpdu = decode(&octets, direction);
    if row["lenient"] == json!(true) {
        return;
    }
    let facts = facts(&tpdu.unwrap());
    for (key, wanted) in row.as_object().unwrap() {
        let found = &facts[key.as_str()];
        match key.as_str() {
            "id" | "source" | "note" | "pdu" | "has_smsc" => {}
            // A status report has no use for the service centre's number.
            "smsc" if string(row, "mti") == "status-report" => {}
            _ if wanted.is_null() => assert!(found.is_null(), "{key}: found {found}"),
            "data_hex" => assert_eq!(*found, json!(to_hex(&bytes(row, key))), "{key}"),
            "timestamp" | "discharge" => {
                assert_eq!(*found, json!(wanted_moment(row, key).unix_s()), "{key}");
            }
            "tpdu_len" => {
                assert_eq!(json!(octets.len() - usize::from(octets[0]) - 1), *wanted);
            }
            "udl" | "udhl" => check_length_octets(row, &octets),
            "validity_tp_vp" => {
                let tp_vp = u8::try_from(wanted.as_u64().unwrap()).unwrap();
                assert_eq!(facts["validity_minutes"], json!(validity_minutes(tp_vp)));
            }
            _ if facts.get(key).is_some() => assert_eq!(found, wanted, "{key}"),
            "text" | "concat" => panic!("{key}: wanted {wanted}, found none"),
            _ => println!("not checked: {key} {wanted}"),
        }
    }
    if let Some(text) = facts["text"].as_str().filter(|text| !text.is_empty()) {
        check_round_trip(text);
    }
}

fn options(number: &str) -> SubmitOptions {
    SubmitOptions {
        to: Number::as_received(number),
        flash: false,
        report: true,
        validity_s: None,
        reference: 7,
    }
}

/// Sent by us and read back, a text is what it was.
fn check_round_trip(text: &str) {
    let mut joined = String::new();
    let tpdus = submit(text, &options("+12025550155")).unwrap();
    for (index, tpdu) in tpdus.iter().enumerate() {
        let octets = [&[0], &tpdu[..]].concat();
        let facts = facts(&decode(&octets, Direction::ToNetwork).unwrap());
        joined.push_str(string(&facts, "text"));
        if tpdus.len() > 1 {
            let wanted = json!({"ref": 7, "total": tpdus.len(), "seq": index + 1, "bits": 8});
            assert_eq!(facts["concat"], wanted);
        }
    }
    assert_eq!(joined, text);
}

#[test]
fn decode_rows() {
    each_row("decode", check_decoded);
}

// ---- encode ----

/// A number without `+` may go out with several types; the row's bytes say which.
fn typed(number: &str, type_of_address: u8) -> Address {
    let mut address = Address::from(&Number::as_received(number));
    if !number.starts_with('+') {
        address.type_of_address = type_of_address;
    }
    address
}

fn row_validity(row: &Value, wanted: &[u8]) -> Validity {
    if let Some(until) = row["validity_abs"].as_str() {
        let (at, quarters) = moment(until);
        return Validity::Absolute(emit_scts(at, quarters).unwrap());
    }
    let minutes = match row.get("validity_minutes") {
        Some(minutes) => minutes.as_u64(),
        None => facts(&decode(wanted, Direction::ToNetwork).unwrap())["validity_minutes"].as_u64(),
    };
    minutes.map_or(Validity::Unsaid, |minutes| {
        Validity::Relative(relative_validity(u32::try_from(minutes * 60).unwrap()))
    })
}

fn row_pdus(row: &Value) -> Vec<Vec<u8>> {
    let hex = row["pdus"].as_array().cloned();
    hex.unwrap_or_else(|| vec![row["pdu"].clone()])
        .iter()
        .map(|hex| from_hex(hex.as_str().unwrap()).unwrap())
        .collect()
}

fn check_encoded(row: &Value) {
    let wanted = row_pdus(row);
    let text = string(row, "text");
    let split = split(text).unwrap();
    assert_eq!(split.parts.len(), wanted.len());
    let reference = u8::try_from(row["concat_ref"].as_u64().unwrap_or(0)).unwrap();
    for (index, (wanted, part)) in wanted.iter().zip(&split.parts).enumerate() {
        let smsc_octets = usize::from(wanted[0]);
        let smsc = row["smsc"].as_str().map(|smsc| typed(smsc, wanted[1]));
        let mut found = Vec::new();
        Address::emit_smsc(smsc.as_ref(), &mut found);
        let tpdu = SubmitTpdu {
            reject_duplicates: row["reject_duplicates"] == json!(true),
            report: row["report"] == json!(true),
            reference: u8::try_from(row["mr"].as_u64().unwrap_or(0)).unwrap(),
            to: typed(string(row, "number"), wanted[smsc_octets + 4]),
            flash: row["flash"] == json!(true),
            validity: row_validity(row, wanted),
            concat: (split.parts.len() > 1).then(|| Concat {
                reference: u16::from(reference),
                wide: false,
                total: u8::try_from(split.parts.len()).unwrap(),
                sequence: u8::try_from(index + 1).unwrap(),
            }),
            payload: match split.encoding {
                Encoding::Gsm7 => Payload::Gsm7(part),
                Encoding::Ucs2 | Encoding::Data => Payload::Ucs2(part),
            },
        };
        tpdu.emit(&mut found);
        assert_eq!(to_hex(&found), to_hex(wanted));
        check_sent_alike(row, &tpdu, index, &found[smsc_octets + 1..]);
        check_read_back(row, wanted, part);
    }
}

/// `submit` writes the same bytes wherever it could be asked for them.
fn check_sent_alike(row: &Value, tpdu: &SubmitTpdu, index: usize, wanted: &[u8]) {
    let validity_s = match tpdu.validity {
        Validity::Unsaid => None,
        Validity::Relative(tp_vp) => Some(validity_minutes(tp_vp) * 60),
        Validity::Absolute(_) => return,
    };
    if tpdu.reject_duplicates || tpdu.reference != 0 || !tpdu.to.number.as_str().starts_with('+') {
        return;
    }
    let options = SubmitOptions {
        to: tpdu.to.number.clone(),
        flash: tpdu.flash,
        report: tpdu.report,
        validity_s,
        reference: tpdu.concat.map_or(0, |it| it.reference as u8),
    };
    let sent = submit(string(row, "text"), &options).unwrap();
    assert_eq!(to_hex(&sent[index]), to_hex(wanted));
}

fn check_read_back(row: &Value, wanted: &[u8], part: &str) {
    let facts = facts(&decode(wanted, Direction::ToNetwork).unwrap());
    assert_eq!(facts["text"], json!(part));
    assert_eq!(facts["number"], row["number"]);
    assert_eq!(facts["smsc"], row["smsc"]);
    if let Some(offset) = row["tpdu_offset"].as_u64() {
        assert_eq!(u64::from(wanted[0]) + 1, offset);
    }
}

#[test]
fn encode_rows() {
    each_row("encode", check_encoded);
}

// ---- parts of PDUs ----

#[test]
fn gsm7_rows() {
    each_row("gsm7", |row| {
        let text = string(row, "text");
        let septets = encode_septets(text).unwrap();
        if row.get("septets_hex").is_some() {
            assert_eq!(septets, bytes(row, "septets_hex"));
        }
        let (header, packed) = match row.get("user_data_hex") {
            Some(_) => {
                let mut user_data = bytes(row, "user_data_hex");
                let packed = user_data.split_off(usize::from(user_data[0]) + 1);
                (user_data, packed)
            }
            None => (Vec::new(), bytes(row, "packed_hex")),
        };
        let before = (header.len() * 8).div_ceil(7);
        let fill = before * 7 - header.len() * 8;
        if let Some(count) = row["septet_count"].as_u64() {
            assert_eq!(u64::try_from(before + septets.len()).unwrap(), count);
        }
        assert_eq!(to_hex(&pack_septets(&septets, fill)), to_hex(&packed));
        let read = unpack_septets(&packed, fill, septets.len());
        assert_eq!(Tables::default().decode(&read), text);
    });
}

/// An SMS-DELIVER with these tables named in its header.
fn deliver_with_tables(tables: Tables, septets: &[u8]) -> Vec<u8> {
    let header = [6, 0x24, 1, tables.single, 0x25, 1, tables.locking];
    let mut out = from_hex("0040038121F3000051117200000000").unwrap();
    out.push(u8::try_from(8 + septets.len()).unwrap());
    out.extend(header);
    out.extend(pack_septets(septets, 0));
    out
}

#[test]
fn lang_userdata_rows() {
    each_row("lang-userdata", |row| {
        let octets = bytes(row, "pdu");
        let address_at = usize::from(octets[0]) + 3;
        let udl_at = address_at + 2 + usize::from(octets[address_at]).div_ceil(2) + 2;
        let septets = unpack_septets(&octets[udl_at + 1..], 0, usize::from(octets[udl_at]));
        let language = |key: &str| u8::try_from(row[key].as_u64().unwrap()).unwrap();
        let tables = Tables {
            locking: language("locking"),
            single: language("single"),
        };
        assert_eq!(tables.decode(&septets), string(row, "text"));
        let deliver = deliver_with_tables(tables, &septets);
        let facts = facts(&decode(&deliver, Direction::FromNetwork).unwrap());
        assert_eq!(facts["text"], row["text"]);
    });
}

#[test]
fn address_rows() {
    each_row("address", |row| {
        let (number, octets) = (string(row, "address"), bytes(row, "hex"));
        let mut written = Vec::new();
        let address = typed(number, octets[1]);
        let mut whole = from_hex("04").unwrap();
        if row["smsc_field"] == json!(true) {
            Address::emit_smsc(Some(&address), &mut written);
            whole.splice(0..0, octets.iter().copied());
            whole.extend(from_hex("038121F3").unwrap());
        } else {
            address.emit(&mut written);
            whole.insert(0, 0);
            whole.extend(&octets);
        }
        assert_eq!(to_hex(&written), to_hex(&octets));
        if let Some(read) = row["bytes_read"].as_u64() {
            assert_eq!(u64::try_from(octets.len()).unwrap(), read);
        }
        // The time behind the address comes out right only when the address ended where it should.
        whole.extend(from_hex("00005111720000000000").unwrap());
        let Tpdu::Deliver(deliver) = decode(&whole, Direction::FromNetwork).unwrap() else {
            panic!("no deliver");
        };
        assert_eq!(deliver.sent_at, Some(moment("2015-11-27T00:00:00Z").0));
        let found = if row["smsc_field"] == json!(true) {
            deliver.smsc.unwrap()
        } else {
            deliver.from
        };
        assert_eq!(found.as_str(), number);
    });
}

#[test]
fn scts_rows() {
    each_row("scts", |row| {
        let (at, quarters) = moment(string(row, "timestamp"));
        let octets = bytes(row, "hex");
        assert_eq!(parse_scts(&octets), Some(at));
        assert_eq!(emit_scts(at, quarters).unwrap().to_vec(), octets);
    });
}

#[test]
fn validity_rows() {
    each_row("validity", |row| {
        let minutes = u32::try_from(row["minutes"].as_u64().unwrap()).unwrap();
        let tp_vp = u8::try_from(row["tp_vp"].as_u64().unwrap()).unwrap();
        assert_eq!(relative_validity(minutes * 60), tp_vp);
        assert_eq!(validity_minutes(tp_vp), minutes);
    });
}

// ---- split ----

/// Rows for national tables, which we do not send with, still say how the splitter has to count.
fn check_national_split(row: &Value, text: &str) {
    let language = |key: &str| u8::try_from(row[key].as_u64().unwrap_or(0)).unwrap();
    let tables = Tables {
        locking: language("locking"),
        single: language("single"),
    };
    let elements = [tables.locking, tables.single].map(|it| if it == 0 { 0 } else { 3 });
    let cost = |character| tables.cost(character).unwrap();
    let (parts, _) = cut(text, Limits::septets(elements.iter().sum()), &cost);
    let units: usize = text.chars().map(cost).sum();
    assert_eq!(json!(units), row["units"]);
    assert_eq!(json!(parts.len()), row["parts"]);
    let lens: Vec<usize> = parts.iter().map(|part| part.chars().count()).collect();
    assert_eq!(json!(lens), row["lens"]);
    assert_eq!(parts.concat(), text);
}

#[test]
fn split_rows() {
    each_row("split", |row| {
        let text = string(row, "text");
        let found = split(text).unwrap();
        assert_eq!(found.parts.concat(), text);
        assert_eq!(usize::from(preview(text).unwrap().parts), found.parts.len());
        check_round_trip(text);
        if row.get("single").or(row.get("locking")).is_some() {
            check_national_split(row, text);
            return;
        }
        let units: usize = match found.encoding {
            Encoding::Gsm7 => encode_septets(text).unwrap().len(),
            Encoding::Ucs2 | Encoding::Data => text.encode_utf16().count(),
        };
        if let Some(wanted) = row["units"].as_u64() {
            assert_eq!(u64::try_from(units).unwrap(), wanted);
        }
        // python-gsmmodem's count is 23.040's only where one whole part does not do.
        let other = row["pygsm_chunks"].as_u64().filter(|_| units > 160);
        let wanted = row["parts"].as_u64().or(other);
        let whole = (units <= 160 && found.encoding == Encoding::Gsm7).then_some(1);
        if let Some(wanted) = whole.or(wanted) {
            assert_eq!(u64::try_from(found.parts.len()).unwrap(), wanted);
        }
    });
}

// ---- bad input ----

#[test]
fn invalid_rows() {
    each_row("invalid", |row| {
        assert_eq!(row["expect"], "error");
        let Ok(mut octets) = from_hex(string(row, "pdu")) else {
            return;
        };
        if row["has_smsc"] == json!(false) {
            octets.insert(0, 0);
        }
        for direction in [Direction::FromNetwork, Direction::ToNetwork] {
            assert!(decode(&octets, direction).is_err(), "{direction:?}");
        }
    });
}

fn read_both_ways(octets: &[u8]) {
    for direction in [Direction::FromNetwork, Direction::ToNetwork] {
        let _ = decode(octets, direction).map(|tpdu| facts(&tpdu));
    }
}

#[test]
fn no_row_cut_or_damaged_anywhere_panics() {
    let rows = ["decode", "encode", "lang-userdata"]
        .into_iter()
        .flat_map(rows);
    for row in rows.flat_map(|(_, rows)| rows) {
        for whole in row_pdus(&row) {
            for at in 0..whole.len() {
                read_both_ways(&whole[..at]);
                let mut damaged = whole.clone();
                for flip in [0xff, 0x01, 0x10, 0x80] {
                    damaged[at] = whole[at] ^ flip;
                    read_both_ways(&damaged);
                }
            }
        }
    }
}
