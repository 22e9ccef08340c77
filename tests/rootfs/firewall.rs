//! The rules of nft, in a network of their own.

use std::process::Command;

use super::overlay::{is_root, run, said, shipped};

/// Two hosts with a cable between them; the rules stand on the first. 192.0.2.1 is it, 192.0.2.2 the stranger.
const HOSTS: &str = r#"
set -e
ip link set lo up
ip link add name cable0 type veth peer name cable1
unshare --net sleep 300 & stranger=$!
trap 'kill $stranger' EXIT
# the new network is there when it is no longer ours
while [ "$(readlink /proc/$stranger/ns/net)" = "$(readlink /proc/self/ns/net)" ]; do sleep 0.02; done
ip link set cable1 netns $stranger
there() { nsenter --target $stranger --net "$@"; }
ip addr add 192.0.2.1/24 dev cable0; ip link set cable0 up
there ip addr add 192.0.2.2/24 dev cable1; there ip link set cable1 up; there ip link set lo up
nft --file "$1"
nft --file "$1"
"#;

fn in_two_hosts(script: &str) -> Option<(bool, String)> {
    if !is_root("a network of our own") {
        return None;
    }
    for program in ["nft", "ip", "python3"] {
        run(Command::new(program).arg("--version"))?;
    }
    let output = run(Command::new("timeout")
        .args(["300", "unshare", "--net", "bash", "-c", &format!("{HOSTS}\n{script}"), "bash"])
        .arg(shipped("usr/lib/spinewatch/firewall.nft")))?;
    let words = said(&output);
    if words.contains("Operation not supported") || words.contains("Unknown device type") {
        println!("skipped: this kernel has no veth or no nftables: {words}");
        return None;
    }
    Some((output.status.success(), words))
}

const LISTEN: &str =
    "import socket,sys; s=socket.create_server((sys.argv[1],7)); print('listening',flush=True); s.accept()";
const CONNECT: &str =
    "import socket,sys; socket.create_connection((sys.argv[1],7),float(sys.argv[2])); print('connected')";

#[test]
fn nobody_connects_to_the_device_and_the_device_connects_to_others() {
    let script = format!(
        r#"
        python3 -c "{LISTEN}" 192.0.2.1 > /dev/null & here=$!
        exec 3< <(there python3 -c "{LISTEN}" 192.0.2.2)
        read -r word <&3
        until ss -ltn | grep -q 192.0.2.1:7; do sleep 0.02; done
        python3 -c "{CONNECT}" 192.0.2.2 60
        if there python3 -c "{CONNECT}" 192.0.2.1 2 2>/dev/null; then echo "a stranger is in"; exit 1; fi
        kill $here
        "#
    );
    let Some((ended, words)) = in_two_hosts(&script) else { return };
    assert!(ended && words.contains("connected"), "{words}");
}

#[test]
fn the_rules_are_taken_twice_and_leave_others_alone() {
    let script = "nft add table inet site; nft --file \"$1\"; nft list tables";
    let Some((ended, words)) = in_two_hosts(script) else { return };
    assert!(
        ended && words.contains("table inet site") && words.matches("table inet spinewatch").count() == 1,
        "{words}"
    );
}
