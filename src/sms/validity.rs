//! Codec: the relative validity period TP-VP (23.040 9.2.3.12.1); it never looks at a clock.

const HOUR_MIN: u32 = 60;
const DAY_MIN: u32 = 24 * HOUR_MIN;
const WEEK_MIN: u32 = 7 * DAY_MIN;

/// Minutes that a relative TP-VP stands for, 5 to 63 weeks.
pub fn validity_minutes(tp_vp: u8) -> u32 {
    let value = u32::from(tp_vp);
    match tp_vp {
        0..=143 => (value + 1) * 5,
        144..=167 => 12 * HOUR_MIN + (value - 143) * 30,
        168..=196 => (value - 166) * DAY_MIN,
        197..=255 => (value - 192) * WEEK_MIN,
    }
}

/// The relative TP-VP of at least `seconds`: rounded up to what the format can say, 63 weeks at most.
pub fn relative_validity(seconds: u32) -> u8 {
    let minutes = seconds.div_ceil(60);
    let value = if minutes <= 12 * HOUR_MIN {
        minutes.div_ceil(5).saturating_sub(1)
    } else if minutes <= DAY_MIN {
        143 + (minutes - 12 * HOUR_MIN).div_ceil(30)
    } else if minutes <= 30 * DAY_MIN {
        166 + minutes.div_ceil(DAY_MIN)
    } else {
        192 + minutes.div_ceil(WEEK_MIN)
    };
    u8::try_from(value).unwrap_or(u8::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_reads_back() {
        for tp_vp in 0..=255 {
            assert_eq!(relative_validity(validity_minutes(tp_vp) * 60), tp_vp);
        }
    }

    #[test]
    fn a_period_between_two_values_is_rounded_up() {
        for (seconds, minutes) in [
            (0, 5),
            (1, 5),
            (301, 10),
            (12 * 3600 + 1, 12 * 60 + 30),
            (86_401, 2 * DAY_MIN),
            (30 * 86_400 + 1, 5 * WEEK_MIN),
            (u32::MAX, 63 * WEEK_MIN),
        ] {
            assert_eq!(validity_minutes(relative_validity(seconds)), minutes);
        }
    }
}
