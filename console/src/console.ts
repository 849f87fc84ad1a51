// The console's script: htmx for pieces of pages, islands for what moves.
import "htmx.org";
import { copy } from "./islands/copy";
import { editor } from "./islands/editor";
import { filters } from "./islands/filters";
import { ledger } from "./islands/ledger";
import { live } from "./islands/live";
import { player } from "./islands/player";
import { question } from "./islands/question";
import { theme } from "./islands/theme";
import { type Island, mountAll } from "./mount";
import { titleTimes } from "./times";

const ISLANDS: Readonly<Record<string, Island>> = { copy, editor, filters, ledger, live, player, question, theme };

function settle(): void {
  mountAll(ISLANDS);
  titleTimes(document);
}

document.addEventListener("htmx:after:swap", settle);
settle();
