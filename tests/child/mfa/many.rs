//! Many at once: one device, one code.

use simcloud::Trust;

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

#[test]
fn two_devices_of_one_name_are_two_sessions() {
    let stage = Stage::new();
    let cloud = &stage.home.cloud;
    let (user, serial) = ("arn:aws:iam::444455556666:user/base", "arn:aws:iam::444455556666:mfa/base");
    let keys = cloud.add_user("base", "444455556666");
    cloud.add_device(user, serial);
    let other = "arn:aws:iam::444455556666:role/other";
    cloud.add_role(other, Trust::of([user]).require_mfa(), std::time::Duration::from_secs(3600));
    let config = std::fs::read_to_string(stage.home.path(".aws/config")).unwrap();
    let profile = format!("[profile other]\nrole_arn = {other}\nsource_profile = second\nmfa_serial = {serial}\n");
    stage.home.write(".aws/config", &(config + &profile));
    let credentials = std::fs::read_to_string(stage.home.path(".aws/credentials")).unwrap();
    let second = format!(
        "[second]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        keys.access_key_id, keys.secret_access_key
    );
    stage.home.write(".aws/credentials", &(credentials + &second));
    stage.configure("");
    let mut terminal = Terminal::new(&stage.home);
    let each = "for name in one other; do credenza credential $name --from-endpoint > ~/$name.json || exit 1; done";
    terminal.enter(&format!("credenza exec one other -- sh -c '{each}'; echo code-$?."));
    terminal.expect("(for one)");
    terminal.enter(&cloud.code_of(super::stage::SERIAL));
    terminal.expect("(for other)");
    terminal.enter(&cloud.code_of(serial));
    terminal.expect("code-0.");
    for name in ["one", "other"] {
        stage.is_good(&std::fs::read_to_string(stage.home.path(&format!("{name}.json"))).unwrap());
    }
    // by the device's name alone it cannot be said which
    stage.run(&["login", "base", "--code", "123456"]).failed(2, &["several sessions are called base", "five, other"]);
}
