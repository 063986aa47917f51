// Shows the page anew when the server says that something has changed; without it, a browser reloads as it likes.
const events = new EventSource("/events");
let known = null;
events.onmessage = async (event) => {
  if (known === null || known === event.data) {
    known = event.data;
    return;
  }
  known = event.data;
  const open = [...document.querySelectorAll("details[open]")].map((part) => part.id);
  const text = await (await fetch(location.pathname)).text();
  const fresh = new DOMParser().parseFromString(text, "text/html").querySelector("main");
  fresh.querySelectorAll("details").forEach((part) => { part.open = part.open || open.includes(part.id); });
  document.querySelector("main").replaceWith(fresh);
};
