// Times of a vote in the reader's own time zone, named, in the form in which the server wrote them.
// Without this script they stand in the newsroom's zone, which is named, too.
const language = document.documentElement.lang;
const day = new Intl.DateTimeFormat(language, { day: "numeric", month: "long", year: "numeric" });
const clock = new Intl.DateTimeFormat(language, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
  timeZoneName: "long",
});
const part = (format, at, type) =>
  format.formatToParts(at).find((each) => each.type === type).value;

for (const time of document.querySelectorAll("time[data-moment]")) {
  const at = new Date(time.dateTime);
  const date = ["day", "month", "year"].map((type) => part(day, at, type)).join(" ");
  const minute = part(clock, at, "minute").padStart(2, "0");
  const hour = part(clock, at, "hour").padStart(2, "0");
  time.textContent = `${date}, ${hour}:${minute} ${part(clock, at, "timeZoneName")}`;
}
