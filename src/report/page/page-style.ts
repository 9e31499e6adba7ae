/** Colours, type and layout of the page and its charts. Blue, orange and grey differ in lightness, so they stay apart without hue. */
export const pageStyle = `
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --surface: #ffffff; --ink: #1c2024; --soft-ink: #5b646d; --rule: #e2e4e7; --grid: #ebedef;
  --main: #1f5fa8; --soft: #a9c9eb; --accent: #b3540a; --quiet: #98a2ad; --empty: #e0e4e8; --link: #1f5fa8;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131619; --surface: #1b1f23; --ink: #e6e8eb; --soft-ink: #a2abb5; --rule: #2f353b; --grid: #282d32;
    --main: #6cabf2; --soft: #31557d; --accent: #f09a4e; --quiet: #77828d; --empty: #3a4149; --link: #8abcf5;
  }
}
* { box-sizing: border-box; }
html { scroll-behavior: smooth; scroll-padding-top: 56px; -webkit-text-size-adjust: 100%; }
@media (prefers-reduced-motion: reduce) { html { scroll-behavior: auto; } }
body { margin: 0; background: var(--page); color: var(--ink); font: 15px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "Liberation Sans", Arial, sans-serif; }
code, pre { font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", "Liberation Mono", monospace; font-size: 12.5px; }
h1, h2, h3 { line-height: 1.2; text-wrap: balance; margin: 0; font-weight: 650; letter-spacing: -0.01em; }
h1 { font-size: 30px; overflow-wrap: anywhere; }
h2 { font-size: 20px; margin-bottom: 10px; }
h3 { font-size: 14px; letter-spacing: 0; margin-bottom: 12px; }
a { color: var(--link); }
small { font-size: 12px; }
:focus-visible { outline: 2px solid var(--link); outline-offset: 2px; border-radius: 3px; }

nav.top { position: sticky; top: 0; z-index: 2; background: var(--surface); border-bottom: 1px solid var(--rule); }
nav.top div { max-width: 1200px; margin: 0 auto; padding: 0 24px; display: flex; gap: 20px; overflow-x: auto; scrollbar-width: none; }
nav.top a { padding: 11px 0; color: var(--soft-ink); text-decoration: none; font-size: 14px; white-space: nowrap; }
nav.top a:hover { color: var(--ink); }
nav.top .brand { color: var(--ink); font-weight: 650; }
main { max-width: 1200px; margin: 0 auto; padding: 32px 24px 80px; }
main > section { margin-top: 28px; padding: 24px; background: var(--surface); border: 1px solid var(--rule); border-radius: 10px; min-width: 0; }
.kicker { margin: 0 0 4px; color: var(--soft-ink); font-size: 13px; }
.meta { margin: 8px 0 0; color: var(--soft-ink); overflow-wrap: anywhere; }
.lead { margin: 0 0 20px; max-width: 76ch; }
.empty { margin: 0; color: var(--soft-ink); }

.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(168px, 1fr)); gap: 12px; margin: 24px 0 0; }
.tile { padding: 14px 16px; background: var(--surface); border: 1px solid var(--rule); border-radius: 10px; }
.tile dt { color: var(--soft-ink); font-size: 13px; }
.tile dd { margin: 2px 0 0; font-size: 25px; line-height: 1.25; font-weight: 600; letter-spacing: -0.02em; font-variant-numeric: tabular-nums; }
.tile dd.note { font-size: 12.5px; font-weight: 400; letter-spacing: 0; line-height: 1.4; color: var(--soft-ink); }

figure { margin: 0; min-width: 0; }
figcaption { margin-top: 12px; color: var(--soft-ink); font-size: 13px; line-height: 1.5; max-width: 80ch; }
.figures { display: grid; grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 28px 40px; }
.figures + .figures { margin-top: 28px; padding-top: 24px; border-top: 1px solid var(--rule); }
svg text { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", Arial, sans-serif; fill: var(--soft-ink); font-variant-numeric: tabular-nums; }
svg { display: block; overflow: visible; }
.tone-main { fill: var(--main); } .tone-soft { fill: var(--soft); } .tone-accent { fill: var(--accent); }
.tone-quiet { fill: var(--quiet); } .tone-empty { fill: var(--empty); }
.grid { stroke: var(--grid); stroke-width: 1; }
.axis-name { color: var(--soft-ink); font-size: 12px; }

.plot .axis-name { margin: 0 0 -14px; }
.plot svg { width: calc(100% - 44px); margin-left: 44px; }
.tick { text-anchor: end; }
.category { text-anchor: middle; }
svg .value { text-anchor: middle; fill: var(--ink); font-size: 13px; font-weight: 600; paint-order: stroke; stroke: var(--surface); stroke-width: 4px; stroke-linejoin: round; }
.reference { stroke: var(--quiet); stroke-width: 1.5; stroke-dasharray: 5 4; }
.base { stroke: var(--quiet); stroke-width: 1; }
.count { text-anchor: middle; } .axis-title { text-anchor: end; } svg .marked { fill: var(--ink); font-weight: 600; }
.plot.wide svg { width: calc(100% - 24px); margin-left: 12px; }
.note { color: var(--soft-ink); font-size: 13px; max-width: 80ch; }
.line { stroke: var(--main); stroke-width: 2.5; stroke-linecap: round; }
.dot { fill: var(--main); stroke: var(--surface); stroke-width: 1.5; }
.ring { fill: var(--surface); stroke: var(--accent); stroke-width: 2.5; }

.bars { display: grid; grid-template-columns: minmax(0, max-content) minmax(0, 1fr) max-content; column-gap: 14px; row-gap: 0; align-items: center; }
.bars .bar-row { display: grid; grid-column: 1 / -1; grid-template-columns: subgrid; padding-top: 8px; }
.bars .bar-row.joined { padding-top: 0; }
.bar-label { max-width: 230px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; font-size: 14px; }
.bar { width: 100%; height: 20px; }
.bar-axis { width: 100%; height: 16px; }
.bar-value { font-size: 14px; font-weight: 600; font-variant-numeric: tabular-nums; white-space: nowrap; }
.bar-value small { margin-left: 8px; font-weight: 400; color: var(--soft-ink); }
.bars .axis { padding-top: 2px; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 18px; margin: 0 0 12px; padding: 0; list-style: none; font-size: 13px; color: var(--soft-ink); }
.legend li { display: flex; align-items: center; gap: 7px; }
.swatch { width: 12px; height: 12px; flex: none; }

.scroll { overflow-x: auto; max-height: 560px; } .scroll.whole { max-height: none; }
figure + .scroll, .scroll + details { margin-top: 20px; }
table { border-collapse: collapse; width: 100%; font-size: 13.5px; }
th, td { padding: 7px 12px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--rule); }
th:first-child, td:first-child { padding-left: 0; } th:last-child, td:last-child { padding-right: 0; }
thead th { font-weight: 500; color: var(--soft-ink); font-size: 12.5px; line-height: 1.35; vertical-align: bottom; }
thead tr + tr th:first-child { padding-left: 12px; } thead tr + tr th:last-child { padding-right: 12px; }
tbody tr:last-child td { border-bottom: 0; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
thead .number { white-space: normal; min-width: 64px; }
td.name { font-weight: 600; overflow-wrap: anywhere; min-width: 110px; } td.wide { min-width: 260px; overflow-wrap: anywhere; }
.tag { padding: 1px 7px; border: 1px solid var(--rule); border-radius: 99px; color: var(--soft-ink); font-size: 12px; white-space: nowrap; }
details { margin-top: 12px; }
summary { cursor: pointer; color: var(--soft-ink); font-size: 14px; }
summary:hover { color: var(--ink); }
ul.plain { margin: 8px 0 0; padding: 0 0 0 16px; max-height: 320px; overflow: auto; font-size: 13.5px; list-style: none; border-left: 2px solid var(--rule); }
ul.plain li { padding: 2px 0; overflow-wrap: anywhere; color: var(--soft-ink); } ul.plain code, ul.plain b { color: var(--ink); }
.facts { display: grid; grid-template-columns: repeat(auto-fit, minmax(260px, 1fr)); gap: 12px 32px; margin: 0; }
.facts dt { color: var(--soft-ink); font-size: 13px; } .facts dd { margin: 0; overflow-wrap: anywhere; }
.config { margin: 8px 0 0; padding: 14px; background: var(--page); border-radius: 6px; max-height: 480px; overflow: auto; line-height: 1.5; }

@media (max-width: 860px) { .figures { grid-template-columns: minmax(0, 1fr); } }
@media (max-width: 640px) {
  main { padding: 20px 12px 60px; } main > section { padding: 18px 14px; margin-top: 16px; } h1 { font-size: 25px; }
  nav.top div { padding: 0 12px; }
  .tiles { grid-template-columns: repeat(2, minmax(0, 1fr)); gap: 8px; } .tile { padding: 10px 12px; } .tile dd { font-size: 21px; } .tile dd.note { font-size: 12px; }
  .bars { grid-template-columns: minmax(0, 1fr) max-content; }
  .bars .bar-row { padding-top: 12px; } .bars .bar-row.joined { padding-top: 4px; }
  .bar-label { max-width: none; } .bar-label:empty { display: none; }
  .bar-row .bar, .bar-row .bar-axis { grid-column: 1 / -1; grid-row: 2; }
  .bar-value { justify-self: end; } .bar-row.joined .bar-value { grid-column: 1 / -1; }
  .bar-row.axis span:first-child { display: none; } .bar-row.axis .axis-name { grid-column: 1 / -1; grid-row: 3; justify-self: end; } .bar { overflow: hidden; }
  .plot:not(.wide) svg { width: calc(100% - 36px); margin-left: 36px; } svg .category { font-size: 11px; }
}
@media print { nav.top, #trajectories { display: none; } section { break-inside: avoid; } }
`
