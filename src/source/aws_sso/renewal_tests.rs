//! The pure rules of a sign-in's renewal; what it does is shown against the simulated cloud, in `tests/source`.

use super::*;

#[test]
fn how_long_sign_ins_last_is_a_whole_number_of_hours() {
    for (minutes, expected) in [(5, 15), (17, 15), (44, 30), (61, 60), (497, 480), (720, 720), (129_600, 129_600)] {
        let lasted = Duration::from_secs(minutes * 60);
        assert_eq!(whole_length(lasted).as_secs() / 60, expected, "{minutes}");
    }
}
