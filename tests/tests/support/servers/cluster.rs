use super::port::Port;
use super::redis::Redis;
use super::server::wait_until;

/// The first and the last slot of each master.
const SLOTS: [[&str; 2]; 3] = [["0", "5460"], ["5461", "10922"], ["10923", "16383"]];

/// A Redis Cluster of three masters without replicas.
pub(crate) struct RedisCluster {
    pub(crate) nodes: Vec<Redis>,
    // Where the nodes speak with each other.
    _buses: Vec<Port>,
}

impl RedisCluster {
    pub(crate) fn start() -> RedisCluster {
        let buses: Vec<Port> = SLOTS.iter().map(|_| Port::reserve()).collect();
        let nodes: Vec<Redis> = buses.iter().map(start_node).collect();
        // As `redis-cli --cluster create` does it, which waits longer than it must.
        for ((node, [from, to]), epoch) in nodes.iter().zip(SLOTS).zip(1..) {
            node.ask(&["CLUSTER", "ADDSLOTSRANGE", from, to]);
            node.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch.to_string()]);
        }
        for (index, (node, bus)) in nodes.iter().zip(&buses).enumerate() {
            let (port, bus) = (node.port().to_string(), bus.number.to_string());
            // Each hears of each at once, not by way of a third.
            for other in &nodes[..index] {
                other.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
            }
        }
        let cluster = RedisCluster {
            nodes,
            _buses: buses,
        };
        cluster.wait_until_it_works();
        cluster
    }

    /// What `session::storage::from_url` takes.
    pub(crate) fn url(&self) -> String {
        let nodes: Vec<String> = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", node.port()))
            .collect();
        format!("redis-cluster://{}", nodes.join(","))
    }

    /// Waits until every node says that the cluster works, as after a restart of one. They take two seconds for it.
    pub(crate) fn wait_until_it_works(&self) {
        let works = |node: &Redis| {
            let info = node.try_ask(&["CLUSTER", "INFO"]).unwrap_or_default();
            info.contains("cluster_state:ok") && info.contains("cluster_size:3")
        };
        let all_work = wait_until(|| self.nodes.iter().all(works));
        let logs = || self.nodes.iter().map(|node| node.log()).collect::<String>();
        assert!(all_work, "the cluster does not work; its logs:\n{}", logs());
    }

    /// All that its nodes store.
    pub(crate) fn dump(&self) -> Vec<u8> {
        self.nodes.iter().flat_map(Redis::dump).collect()
    }
}

fn start_node(bus: &Port) -> Redis {
    Redis::start_with(&[
        "--cluster-enabled",
        "yes",
        "--cluster-config-file",
        "nodes.conf",
        "--cluster-port",
        &bus.number.to_string(),
    ])
}

#[cfg(test)]
mod tests {
    use super::RedisCluster;

    /// In slots of the first, the second and the third node.
    const KEYS: [&str; 3] = ["b", "c", "a"];

    #[test]
    fn cluster_starts_and_works_again_when_a_node_is_back() {
        let mut cluster = RedisCluster::start();
        let port = |node: usize| cluster.nodes[node].port();
        let url = format!(
            "redis-cluster://127.0.0.1:{},127.0.0.1:{},127.0.0.1:{}",
            port(0),
            port(1),
            port(2)
        );
        assert_eq!(cluster.url(), url);
        for (node, key) in cluster.nodes.iter().zip(KEYS) {
            assert_eq!(node.ask(&["SET", key, "green"]), "OK");
        }
        let moved = cluster.nodes[0].try_ask(&["GET", KEYS[1]]).unwrap_err();
        assert!(moved.starts_with("MOVED "), "{moved}");

        cluster.nodes[1].restart();
        cluster.wait_until_it_works();
        assert_eq!(cluster.nodes[1].ask(&["GET", KEYS[1]]), "");
    }

    #[test]
    fn cluster_shows_all_that_it_stores() {
        let cluster = RedisCluster::start();
        for (node, key) in cluster.nodes.iter().zip(KEYS) {
            node.ask(&["SET", key, &format!("the value of {key}")]);
        }

        let dump = String::from_utf8_lossy(&cluster.dump()).into_owned();
        for key in KEYS {
            assert!(dump.contains(&format!("the value of {key}")), "{key}");
        }
    }
}
