//! Step "drain → application": takes what a session has received to handlers, iterators and the owner.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Weak};
use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyWeakrefMethods;
use voicewire_net::{Delivery, Item};
use voicewire_proto::conversation::Change;
use voicewire_proto::{Body, Event, Kind, Outcome, Settled, TurnStatus};

use crate::conversation::ConversationItem;
use crate::dispatch::{sent_view, wire_view, Handler};
use crate::errors::{connect_failure, exception, from_error};
use crate::event;
use crate::hub::PyHub;
use crate::iterator::{Queue, Queued};
use crate::session::{lock, PySession};

impl PySession {
    /// Takes one delivery to whom it concerns.
    pub(crate) fn deliver(&self, slf: &Bound<'_, Self>, hub: &PyHub, delivery: Delivery) -> PyResult<()> {
        let py = slf.py();
        let result = match delivery.item {
            Item::Event(event) => self.deliver_event(slf, event, delivery.weight),
            Item::Settled(settled) => self.deliver_settled(py, settled),
            Item::Sent(text) => self.deliver_sent(slf, text),
            Item::Connected(session_id) => self.tell(py, "_connected", (session_id,)),
            Item::ConnectFailed(failure) => {
                let error = connect_failure(py, &failure, &lock(&self.secrets).clone())?;
                self.tell(py, "_connect_failed", (error,))
            }
            Item::GaveUp(failure) => {
                let error = connect_failure(py, &failure, &lock(&self.secrets).clone())?;
                Self::report(slf, error, true)
            }
            Item::KeyWanted => self.tell(py, "_key_wanted", ()),
            Item::Ended(abandoned) => {
                hub.forget(self.id());
                self.queues().iter().for_each(|queue| queue.end());
                self.tell(py, "_ended", (abandoned,))
            }
        };
        if delivery.weight > 0 {
            self.net.release(delivery.weight);
        }
        result
    }

    /// Ends the session where a delivery failed. User code is caught where it is called: what gets here is a defect of
    /// ours, or a KeyboardInterrupt or SystemExit, which goes on to the event loop.
    pub(crate) fn fail(&self, slf: &Bound<'_, Self>, error: PyErr) -> PyResult<()> {
        let py = slf.py();
        if !error.is_instance_of::<pyo3::exceptions::PyException>(py) {
            return Err(error);
        }
        drop(self.net.close());
        let internal = exception(py, "InternalError", (format!("event could not be delivered: {error}"),), &[])?;
        internal.setattr("__cause__", error.into_value(py))?;
        PySession::report(slf, internal, true)
    }

    pub(crate) fn wake_iterators(&self, py: Python<'_>) -> PyResult<()> {
        if lock(&self.others).is_empty() {
            let main = lock(&self.main).clone();
            return main.map_or(Ok(()), |main| main.wake(py));
        }
        self.queues().iter().try_for_each(|queue| queue.wake(py))
    }

    fn deliver_event(&self, slf: &Bound<'_, Self>, mut event: Box<Event>, weight: usize) -> PyResult<()> {
        let (py, kind) = (slf.py(), event.kind());
        let change = self.memory.apply(&event).filter(|_| self.tells_changes.load(Ordering::SeqCst));
        event.change = None;
        match kind {
            Kind::TurnComplete => self.consult(py, &mut event)?,
            Kind::Reconnecting => self.tell(py, "_lost", ())?,
            _ => {}
        }
        let handlers = Arc::clone(&lock(&self.handlers));
        let (neutral, wire) = (handlers.neutral(kind), handlers.of_wire(&event));
        if neutral.is_empty() && wire.is_empty() && kind != Kind::Usage && change.is_none() {
            return self.enqueue(kind, weight, Queued::Lazy(event), false);
        }
        let wire_event = if wire.is_empty() { None } else { Some(event::build(py, wire_view(&event))?) };
        let made = event::build(py, *event)?;
        if kind == Kind::Usage {
            self.tell(py, "_used", (&made,))?;
        }
        self.fire_both(slf, neutral, &made, &wire, wire_event.as_ref())?;
        if let Some(Change { item, appended, completed }) = change {
            let item = Py::new(py, ConversationItem::new(item))?;
            self.tell(py, "_conversed", (&made, item, appended, completed))?;
        }
        let handled = kind == Kind::Audio && !(neutral.is_empty() && wire.is_empty());
        self.enqueue(kind, weight, Queued::Made(made), handled)
    }

    /// Asks the owner whether the turn goes on by itself: whether handlers still answer calls of this response.
    fn consult(&self, py: Python<'_>, event: &mut Event) -> PyResult<()> {
        let response_id = event.resolve(&event.response_id).map(str::to_owned);
        let (Body::TurnComplete(turn), true) = (&mut event.body, self.consults.load(Ordering::SeqCst)) else {
            return Ok(());
        };
        // A cancelled one goes on only where its calls are answered on another connection.
        if !(matches!(turn.status, TurnStatus::Completed | TurnStatus::Incomplete) || turn.has_open_calls) {
            return Ok(());
        }
        if let Some(owner) = self.owner.bind(py).upgrade() {
            turn.is_final &= !owner.call_method1("_answering", (response_id, turn.has_open_calls))?.is_truthy()?;
        }
        Ok(())
    }

    /// Calls the handlers of the neutral event and those of its wire name, in the order of their registration.
    fn fire_both(
        &self,
        slf: &Bound<'_, Self>,
        neutral: &[Arc<Handler>],
        made: &Py<PyAny>,
        wire: &[Arc<Handler>],
        wire_event: Option<&Py<PyAny>>,
    ) -> PyResult<()> {
        let (mut neutral, mut wire) = (neutral.iter().peekable(), wire.iter().peekable());
        loop {
            let is_wire = match (neutral.peek(), wire.peek()) {
                (Some(neutral), Some(wire)) => wire.token < neutral.token,
                (None, Some(_)) => true,
                (Some(_), None) => false,
                (None, None) => return Ok(()),
            };
            let (handler, event) = if is_wire { (wire.next(), wire_event) } else { (neutral.next(), Some(made)) };
            if let (Some(handler), Some(event)) = (handler, event) {
                self.call(slf, handler, event)?;
            }
        }
    }

    pub(crate) fn fire_neutral(&self, slf: &Bound<'_, Self>, kind: Kind, event: &Py<PyAny>) -> PyResult<()> {
        let handlers = Arc::clone(&lock(&self.handlers));
        handlers.neutral(kind).iter().try_for_each(|handler| self.call(slf, handler, event))
    }

    /// Calls one handler; what it raises goes to the owner, the other handlers still run.
    fn call(&self, slf: &Bound<'_, Self>, handler: &Handler, event: &Py<PyAny>) -> PyResult<()> {
        if !handler.is_active() {
            return Ok(());
        }
        let py = slf.py();
        match handler.callable.call1(py, (event,)) {
            Ok(_) => Ok(()),
            Err(error) if error.is_instance_of::<pyo3::exceptions::PyException>(py) => {
                self.tell(py, "_handler_failed", (&handler.callable, event, error))
            }
            // KeyboardInterrupt and SystemExit are for the event loop.
            Err(error) => Err(error),
        }
    }

    fn deliver_settled(&self, py: Python<'_>, settled: Settled) -> PyResult<()> {
        let Settled { receipt, outcome, ignored } = settled;
        match outcome {
            Outcome::Acknowledged(event) => {
                self.format_taken(receipt);
                self.tell(py, "_settled", (receipt, event::build(py, *event)?, py.None(), ignored))
            }
            Outcome::Done => {
                self.format_taken(receipt);
                self.tell(py, "_settled", (receipt, py.None(), py.None(), ignored))
            }
            Outcome::Failed(error) => {
                self.memory.refused(receipt);
                self.format_refused(receipt);
                self.tell(py, "_settled", (receipt, py.None(), from_error(py, &error)?))
            }
        }
    }

    fn deliver_sent(&self, slf: &Bound<'_, Self>, text: bytes::Bytes) -> PyResult<()> {
        let Some(view) = sent_view(text, Instant::now()) else { return Ok(()) };
        let handlers = Arc::clone(&lock(&self.handlers));
        let found = handlers.of_sent(view.resolve(&view.wire_type).unwrap_or_default());
        if found.is_empty() {
            return Ok(());
        }
        let event = event::build(slf.py(), view)?;
        found.iter().try_for_each(|handler| self.call(slf, handler, &event))
    }

    /// Appends an event to every iterator that wants it; makes its Python object only where several do.
    pub(crate) fn enqueue(&self, kind: Kind, weight: usize, queued: Queued, handled: bool) -> PyResult<()> {
        if lock(&self.others).is_empty() {
            let main = lock(&self.main).clone();
            if let Some(main) = main.filter(|main| main.wants(kind)) {
                main.push(queued, weight, handled);
            }
            return Ok(());
        }
        let mut queues = self.queues();
        queues.retain(|queue| queue.wants(kind));
        let Some(last) = queues.pop() else { return Ok(()) };
        if queues.is_empty() {
            last.push(queued, weight, handled);
            return Ok(());
        }
        Python::attach(|py| {
            let made = match queued {
                Queued::Made(made) => made,
                Queued::Lazy(event) => event::build(py, *event)?,
            };
            for queue in &queues {
                queue.push(Queued::Made(made.clone_ref(py)), weight, handled);
            }
            last.push(Queued::Made(made), weight, handled);
            Ok(())
        })
    }

    pub(crate) fn queues(&self) -> Vec<Arc<Queue>> {
        let mut queues: Vec<_> = lock(&self.main).iter().cloned().collect();
        queues.extend(lock(&self.others).iter().filter_map(Weak::upgrade));
        queues
    }

    pub(crate) fn tell<'py>(
        &self,
        py: Python<'py>,
        method: &str,
        args: impl pyo3::call::PyCallArgs<'py>,
    ) -> PyResult<()> {
        match self.owner.bind(py).upgrade() {
            Some(owner) => owner.call_method1(method, args).map(|_| ()),
            None => Ok(()),
        }
    }
}
