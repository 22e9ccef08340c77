//! The three NATS nodes of `board/fleet`, on free ports of this machine.
//!
//! Takes in the folder with their configuration, hands on the URLs of their MQTT listeners. They end, and their files
//! go, with the value.

use std::fs::File;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use crate::publish::BrokerUrl;

const NODES: usize = 3;

/// The running nodes.
pub struct Cluster {
    nodes: Vec<Child>,
    urls: Vec<BrokerUrl>,
    folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts `nats-1.conf` to `nats-3.conf`; they still have to find each other when this returns.
    ///
    /// # Errors
    /// Without nats-server, with the cure; when no port is free.
    pub fn start(configuration: &Path) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir().context("cannot make a folder for the cluster")?;
        let ports = free_ports(3 * NODES)?;
        let (clients, rest) = ports.split_at(NODES);
        let (routes, mqtt) = rest.split_at(NODES);
        let url = |port: &u16| BrokerUrl { host: "127.0.0.1".into(), port: *port, tls: false };
        let mut cluster = Self { nodes: Vec::new(), urls: mqtt.iter().map(url).collect(), folder };
        for node in 0..NODES {
            let mut command = Command::new("nats-server");
            command.arg("-c").arg(configuration.join(format!("nats-{}.conf", node + 1)));
            command.env("NATS_LISTEN", format!("127.0.0.1:{}", clients[node]));
            command.env("NATS_CLUSTER", format!("127.0.0.1:{}", routes[node]));
            command.env("NATS_MQTT", format!("127.0.0.1:{}", mqtt[node]));
            command.env("NATS_STORE", cluster.folder.path().join(format!("node-{}", node + 1)));
            for (number, port) in routes.iter().enumerate() {
                command.env(format!("NATS_ROUTE_{}", number + 1), format!("nats://127.0.0.1:{port}"));
            }
            let log = File::create(cluster.folder.path().join(format!("nats-{}.log", node + 1)))?;
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
            let child = command.spawn().context("cannot start nats-server: apt-get install nats-server")?;
            cluster.nodes.push(child);
        }
        Ok(cluster)
    }

    /// MQTT listeners of the nodes.
    pub fn urls(&self) -> Vec<BrokerUrl> {
        self.urls.clone()
    }

    /// Kills the first node with SIGKILL.
    ///
    /// # Errors
    /// When it cannot be killed, or has ended by itself.
    pub fn kill_first(&mut self) -> anyhow::Result<()> {
        let node = self.nodes.first_mut().context("the cluster has no nodes")?;
        if let Some(status) = node.try_wait()? {
            anyhow::bail!("the first node ended before it was killed: {status}");
        }
        node.kill().context("cannot kill the first node")?;
        node.wait()?;
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

/// Held together until all are known, so that they differ.
fn free_ports(count: usize) -> anyhow::Result<Vec<u16>> {
    let bound = (0..count).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<Vec<_>, _>>();
    let bound = bound.context("no free port on 127.0.0.1")?;
    bound.iter().map(|listener| Ok(listener.local_addr()?.port())).collect()
}
