//! A replica that keeps up with the cluster while another leads, which may be for weeks.

use std::{
    future::{Future, poll_fn},
    pin::pin,
};

use futures::{Stream, StreamExt};

/// Waits for `leads`, and drops what comes until then: whoever begins to lead looks at everything
/// once, so that news of before need not be kept, and could not be for so long.
pub async fn drop_until<S: Stream + Unpin>(leads: impl Future<Output = ()>, news: &mut S) {
    let mut leads = pin!(leads);
    poll_fn(|context| {
        // News may have ended; then there is only the lead to wait for.
        while let std::task::Poll::Ready(Some(_)) = news.poll_next_unpin(context) {}
        leads.as_mut().poll(context)
    })
    .await;
}

#[cfg(test)]
mod tests {
    use futures::channel::{mpsc::unbounded, oneshot};

    use super::*;

    #[tokio::test]
    async fn news_are_dropped_as_long_as_somebody_else_leads() {
        let (news, mut arrived) = unbounded();
        let (lead, leads) = oneshot::channel::<()>();
        let waiting = drop_until(async { leads.await.expect("it is sent") }, &mut arrived);
        let others = async {
            for number in 0..100 {
                news.unbounded_send(number).expect("somebody listens");
                tokio::task::yield_now().await;
            }
            lead.send(()).expect("somebody waits");
        };
        tokio::join!(waiting, others);
        news.unbounded_send(100).expect("somebody listens");
        drop(news);
        assert_eq!(arrived.collect::<Vec<i32>>().await, [100]);
    }
}
