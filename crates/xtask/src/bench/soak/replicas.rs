//! The two operators of the soak, replaced when they end, as a Deployment does. Input: a stage. Output: the leader.
//! Does I/O: starts, queries and kills processes.

use std::time::Duration;

use anyhow::{Context, Result};
use lanyard_tests::{PATIENCE, POLL, TestEnv};

use crate::build;

/// The operators.
pub struct Replicas<'a> {
    stage: &'a TestEnv,
    resync: String,
    running: Vec<usize>,
    started: usize,
}

impl<'a> Replicas<'a> {
    /// With a standby beside the operator that runs on the stage.
    pub fn new(stage: &'a TestEnv, interval: Duration) -> Result<Self> {
        let mut replicas = Self {
            stage,
            resync: format!("{}s", interval.as_secs()),
            running: vec![0],
            started: 1,
        };
        replicas.start()?;
        Ok(replicas)
    }

    fn start(&mut self) -> Result<()> {
        let name = format!("lanyard-{}", self.started);
        self.stage
            .operator(&build::operator_beside()?, &name, &["--resync", &self.resync])?;
        self.running.push(self.started);
        self.started += 1;
        Ok(())
    }

    /// Starts a successor for each operator that has ended.
    pub fn replace_ended(&mut self) -> Result<()> {
        for number in self.running.clone() {
            if self.stage.has_ended(number)? {
                self.replace(number)?;
            }
        }
        Ok(())
    }

    fn replace(&mut self, number: usize) -> Result<()> {
        self.running.retain(|running| *running != number);
        self.start()
    }

    /// Kills the leader, or the first operator while none leads.
    pub async fn kill_leader(&mut self) -> Result<()> {
        let leader = match self.leading().await {
            Some(leader) => leader,
            None => *self.running.first().context("no operator runs")?,
        };
        self.stage.killer(leader)()?;
        self.replace(leader)
    }

    async fn leading(&self) -> Option<usize> {
        for number in &self.running {
            let answer = self.stage.asks(*number, "/metrics").await;
            if answer.is_ok_and(|(_, body)| body.lines().any(|line| line == "lanyard_leader 1")) {
                return Some(*number);
            }
        }
        None
    }

    /// Waits for a leader. Returns its number and its process.
    pub async fn leader(&mut self) -> Result<(usize, u32)> {
        let found = async {
            loop {
                self.replace_ended()?;
                if let Some(leader) = self.leading().await {
                    return Ok((leader, self.stage.process_id(leader)?));
                }
                tokio::time::sleep(POLL).await;
            }
        };
        tokio::time::timeout(PATIENCE * 2, found)
            .await
            .context("no operator leads")?
    }

    /// The metrics of the leader.
    pub async fn metrics(&mut self) -> Result<String> {
        let (leader, _) = self.leader().await?;
        Ok(self.stage.asks(leader, "/metrics").await?.1)
    }
}
