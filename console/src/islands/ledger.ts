// «Let this browser check it»: the ledger's proof, computed here and said in plain words.
import { check } from "../ledger/check";
import { Step } from "../ledger/steps";
import { type Island, part } from "../mount";

function shown(root: HTMLElement): Map<number, string> {
  const kinds = new Map<number, string>();
  for (const row of root.querySelectorAll<HTMLElement>("tr[id^=entry-]")) {
    kinds.set(Number(row.id.slice("entry-".length)), row.querySelector("code")?.textContent ?? "");
  }
  return kinds;
}

export const ledger: Island = (root, gone) => {
  const button = part<HTMLButtonElement>(root, "[data-ledger=check]");
  const list = part(root, "[data-ledger=steps]");
  button.addEventListener("click", () => {
    button.disabled = true;
    list.replaceChildren();
    root.dataset.verdict = "";
    const wanted = {
      address: root.dataset.address ?? "", worker: root.dataset.worker ?? "",
      first: Number(root.dataset.first), count: Number(root.dataset.count), shown: shown(root),
    };
    void check(wanted, list).then((good) => {
      new Step(list, "").say(good ? "good" : "bad", good ? "Verified." : "Broken: do not rely on this ledger before somebody explained it.");
      root.dataset.verdict = good ? "verified" : "broken";
    }).finally(() => {
      button.disabled = false;
      button.textContent = "Check it again";
    });
  }, { signal: gone });
};
