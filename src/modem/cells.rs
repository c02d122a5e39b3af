//! Codec: the serving cell's band and channel, its neighbours and the modem's temperature, out of vendors' replies.
//! Never guesses: what a technology's layout does not name is `None`.

use super::replies::{after, fields, unquoted};
use crate::signal::{Neighbour, Radio};

/// Reads whatever the lines tell; `None` when they tell nothing.
pub(super) fn parse(lines: &[String]) -> Option<Radio> {
    let mut radio = Radio::default();
    for line in lines {
        if let Some(rest) = after(line, "+QENG:") {
            cell(&fields(rest), &mut radio);
        } else if let Some(rest) = after(line, "+QTEMP:") {
            let warmest = fields(rest).into_iter().filter_map(degrees).max();
            radio.temperature_c = radio.temperature_c.max(warmest);
        } else if let Some(rest) = after(line, "BAND:") {
            radio.band = number(Some(&rest)).and_then(qmi_band);
        } else if let Some(rest) = after(line, "CHANNEL:") {
            radio.channel = number(Some(&rest));
        }
    }
    (radio != Radio::default()).then_some(radio)
}

/// 255 and 0 K stand for sensors that are not there.
fn degrees(field: &str) -> Option<i16> {
    number(Some(&field)).filter(|degrees| (-50..=130).contains(degrees))
}

fn number<T: std::str::FromStr>(field: Option<&&str>) -> Option<T> {
    field.and_then(|field| unquoted(field).parse().ok())
}

/// `+QENG` (EC25&EC21 QuecCell manual). The serving cell comes on one line, or on two where 5G is beside it: what
/// follows the technology is the same.
fn cell(fields: &[&str], radio: &mut Radio) {
    let first = fields.first().map_or("", |field| unquoted(field));
    let known = |field: &&str| matches!(unquoted(field), "LTE" | "WCDMA" | "GSM");
    let Some(at) = fields.iter().position(known) else {
        return;
    };
    let technology = fields.get(at).map_or("", |field| unquoted(field));
    let fields = fields.get(at + 1..).unwrap_or_default();
    if first.starts_with("neighbourcell") {
        if technology == "LTE" && radio.neighbours.len() < Radio::NEIGHBOURS {
            radio.neighbours.extend(neighbour(fields));
        }
        return;
    }
    // duplex,mcc,mnc,cell,pcid,earfcn,band | mcc,mnc,lac,cell,uarfcn,psc | mcc,mnc,lac,cell,bsic,arfcn
    let (channel, pci) = match technology {
        "LTE" => (5, Some(4)),
        "WCDMA" => (4, Some(5)),
        _gsm => (5, None),
    };
    radio.channel = number(fields.get(channel));
    radio.pci = pci.and_then(|pci| number(fields.get(pci)));
    let band = || number::<u8>(fields.get(6)).filter(|band| *band > 0);
    radio.band = Some(technology)
        .filter(|technology| *technology == "LTE")
        .and_then(|_| band())
        .map(|band| format!("B{band}"));
}

/// `earfcn,pcid,rsrq,rsrp,…`; some firmware has RSRP first. The RSRP is always the lower one.
fn neighbour(fields: &[&str]) -> Option<Neighbour> {
    let level =
        |at: usize| number::<i16>(fields.get(at)).filter(|level| (-150..=0).contains(level));
    let (rsrq_db, rsrp_dbm) = match (level(2), level(3)) {
        (Some(one), Some(other)) => (Some(one.max(other)), Some(one.min(other))),
        (None, _) | (_, None) => (None, None),
    };
    Some(Neighbour {
        channel: number(fields.first())?,
        pci: number(fields.get(1)),
        rsrp_dbm,
        rsrq_db,
    })
}

/// QMI's numbers of the 4G bands begin at 120; from the fifteenth on they follow no rule.
fn qmi_band(code: u8) -> Option<String> {
    const BANDS: [u8; 41] = [
        1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 17, 33, 34, 35, 36, 37, 38, 39, 40, 18, 19,
        20, 21, 24, 25, 41, 42, 43, 23, 26, 32, 125, 126, 127, 28, 29, 30,
    ];
    let band = BANDS.get(usize::from(code.checked_sub(120)?))?;
    Some(format!("B{band}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Option<Radio> {
        let lines: Vec<String> = lines.iter().copied().map(String::from).collect();
        parse(&lines)
    }

    #[test]
    fn ec25_tells_its_cell_its_neighbours_and_its_temperature() {
        let radio = of(&[
            "+QENG: \"servingcell\",\"NOCONN\",\"LTE\",\"FDD\",222,01,4940206,427,1350,3,5,5,BFF,-93,-11,-61,11,7,50,-",
            "+QENG: \"neighbourcell intra\",\"LTE\",1350,427,-14,-94,-69,-,-,-,-,-,-",
            "+QENG: \"neighbourcell inter\",\"LTE\",275,34,-105,-20,-76,0,15,0,-",
            "+QENG: \"neighbourcell inter\",\"LTE\",66986,-,-,-,-,-,0,6,6,1,-,-,-,-",
            "+QENG: \"neighbourcell\",\"WCDMA\",512,6,14,62,-,-,-,-",
            "+QTEMP: 34,30,255",
        ])
        .unwrap();
        assert_eq!(radio.band.as_deref(), Some("B3"));
        assert_eq!((radio.channel, radio.pci), (Some(1350), Some(427)));
        assert_eq!(radio.temperature_c, Some(34));
        let heard = |channel, pci, rsrp_dbm, rsrq_db| Neighbour {
            channel,
            pci,
            rsrp_dbm,
            rsrq_db,
        };
        assert_eq!(
            radio.neighbours,
            [
                heard(1350, Some(427), Some(-94), Some(-14)),
                heard(275, Some(34), Some(-105), Some(-20)),
                heard(66986, None, None, None),
            ]
        );
    }

    #[test]
    fn the_serving_cell_is_read_in_every_layout() {
        let two = [
            "+QENG: \"servingcell\",\"NOCONN\"",
            "+QENG: \"LTE\",\"FDD\",222,01,328261F,280,275,1,4,4,BE3,-99,-14,-66,7,4,30,-",
        ];
        let lte = of(&two).unwrap();
        assert_eq!(
            (lte.band.as_deref(), lte.channel, lte.pci),
            (Some("B1"), Some(275), Some(280))
        );
        let umts = of(&["+QENG: \"servingcell\",\"NOCONN\",\"WCDMA\",222,01,84F4,3D34,10564,210,0,-71,-4,-,-,-,-,-"]).unwrap();
        assert_eq!(
            (umts.band, umts.channel, umts.pci),
            (None, Some(10564), Some(210))
        );
        let gsm =
            of(&["+QENG: \"servingcell\",\"NOCONN\",\"GSM\",222,01,5504,2B95,32,62,0,-61,0,0,0,0"])
                .unwrap();
        assert_eq!((gsm.band, gsm.channel, gsm.pci), (None, Some(62), None));
        assert_eq!(of(&["+QENG: \"servingcell\",\"SEARCH\""]), None);
    }

    #[test]
    fn slm750_names_its_band_by_the_number_of_qmi() {
        let radio = of(&["RSSI:-64", "BAND:122", "CHANNEL: 1300"]).unwrap();
        assert_eq!(
            (radio.band.as_deref(), radio.channel),
            (Some("B3"), Some(1300))
        );
        assert_eq!(qmi_band(158).as_deref(), Some("B28"));
        assert_eq!((qmi_band(119), qmi_band(255)), (None, None));
    }

    #[test]
    fn each_sensor_may_have_a_line_of_its_own() {
        let lines = [
            "+QTEMP: \"qfe_wtr_pa0\",\"-273\"",
            "+QTEMP: \"aoss0-usr\",\"38\"",
            "+QTEMP: \"mdm-q6-usr\",\"41\"",
        ];
        assert_eq!(of(&lines).unwrap().temperature_c, Some(41));
        assert_eq!(of(&["+QTEMP: 255,255"]), None);
    }

    #[test]
    fn a_reply_cut_anywhere_is_read_as_far_as_it_goes() {
        let line = "+QENG: \"servingcell\",\"NOCONN\",\"LTE\",\"FDD\",222,01,4940206,427,1350,3,5,5,BFF,-93";
        for cut in 0..line.len() {
            if let Some(radio) = of(&[&line[..cut]]) {
                assert!(radio.neighbours.is_empty() && radio.temperature_c.is_none());
            }
        }
        for rubbish in [
            "",
            "+QENG:",
            "+QENG: ,,,",
            "+QTEMP: x",
            "BAND:",
            "BAND:999",
            "CHANNEL:-",
        ] {
            assert_eq!(of(&[rubbish]), None, "{rubbish}");
        }
    }
}
