//! Many at once: one device, one code.

use super::stage::{ROLES, Stage};
use crate::terminal::Terminal;

#[test]
fn five_identities_of_one_device_from_three_terminals_at_once_cost_one_code() {
    let stage = Stage::new();
    let mut terminals = [Terminal::new(&stage.home), Terminal::new(&stage.home), Terminal::new(&stage.home)];
    let names = [&ROLES[..2], &ROLES[2..4], &ROLES[4..]];
    let each = "for name in $NAMES; do credenza credential $name --from-endpoint > ~/$name.json || exit 1; done";
    for (terminal, names) in terminals.iter_mut().zip(names) {
        let names = names.join(" ");
        terminal.enter(&format!("NAMES='{names}' credenza exec {names} -- sh -c '{each}'; echo code-$?."));
    }
    for terminal in &mut terminals {
        terminal.expect("code-0.");
    }
    for name in ROLES {
        stage.is_good(&std::fs::read_to_string(stage.home.path(&format!("{name}.json"))).unwrap());
    }
    assert_eq!((stage.op_calls(), stage.codes()), (1, 1));
    let cloud = &stage.home.cloud;
    assert_eq!((cloud.count("GetSessionToken"), cloud.count("AssumeRole")), (1, 5));
}
