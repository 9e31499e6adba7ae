/** The trajectory viewer: each origin has a tint and a name; what is trained stands in full ink on its tint. */
export const viewerStyle = `
:root { --o-template: #66717c; --o-requirement: #7b4397; --o-plan: #0d716b; --o-thought: #1f5fa8; --o-action: #a84c00; --o-observation: #56702a; --o-draft: #b02a55; --tint: 10%; }
@media (prefers-color-scheme: dark) {
  :root { --o-template: #8d98a3; --o-requirement: #c9a0e8; --o-plan: #5fc9c1; --o-thought: #82b8f7; --o-action: #f2a863; --o-observation: #a9c77a; --o-draft: #f590a8; --tint: 17%; }
}
.o-template { --o: var(--o-template); } .o-requirement { --o: var(--o-requirement); } .o-plan { --o: var(--o-plan); } .o-thought { --o: var(--o-thought); }
.o-action { --o: var(--o-action); } .o-observation { --o: var(--o-observation); } .o-draft { --o: var(--o-draft); }

.viewer-bar { display: flex; flex-wrap: wrap; gap: 10px 22px; align-items: center; margin-bottom: 14px; font-size: 14px; color: var(--soft-ink); }
.viewer-bar select, .viewer-bar input[type=search] { font: inherit; color: var(--ink); background: var(--page); border: 1px solid var(--rule); border-radius: 6px; padding: 5px 9px; margin-left: 6px; max-width: 280px; }
.viewer-bar .check { display: flex; align-items: center; gap: 7px; color: var(--ink); cursor: pointer; } .viewer-bar input[type=checkbox] { accent-color: var(--main); width: 16px; height: 16px; margin: 0; }
#viewer-legend .key { padding: 1px 7px; border-left: 3px solid var(--o); background: color-mix(in srgb, var(--o) var(--tint), transparent); color: var(--ink); border-radius: 2px; }
#viewer-legend .key.untrained { background: none; border-left: 3px dotted var(--quiet); color: var(--soft-ink); }

.viewer-panes { display: grid; grid-template-columns: minmax(200px, 300px) minmax(0, 1fr); gap: 24px; border-top: 1px solid var(--rule); padding-top: 14px; }
.viewer-panes nav { position: sticky; top: 58px; align-self: start; max-height: calc(100vh - 76px); overflow: auto; }
#viewer-files { margin: 0; padding: 0; list-style: none; }
#viewer-files button { display: grid; grid-template-columns: minmax(0, 1fr) 34px 50px; gap: 8px; align-items: center; width: 100%; padding: 5px 8px; border: 0; border-radius: 6px; background: none; color: var(--ink); font: inherit; font-size: 13px; text-align: left; cursor: pointer; }
#viewer-files button:hover { background: var(--page); }
#viewer-files button[aria-current=true] { background: color-mix(in srgb, var(--main) 14%, transparent); }
#viewer-files .path { overflow-wrap: anywhere; line-height: 1.35; } #viewer-files .folder { display: block; color: var(--soft-ink); font-size: 11.5px; }
#viewer-files .gain { text-align: right; font-size: 12px; color: var(--soft-ink); font-variant-numeric: tabular-nums; }
#viewer-files svg { width: 34px; height: 8px; } .gain-track { fill: var(--empty); } .gain-up { fill: var(--main); } .gain-down { fill: var(--accent); }
.list-note { padding: 6px 8px; color: var(--soft-ink); font-size: 12px; line-height: 1.4; }

#viewer-steps { min-width: 0; outline: none; scroll-margin-top: 60px; } #viewer-steps > h3 { font-size: 16px; overflow-wrap: anywhere; margin-bottom: 4px; }
.episode-note { margin: 0 0 14px; color: var(--soft-ink); font-size: 13px; }
.step { margin: 0 0 18px; border: 1px solid var(--rule); border-radius: 8px; overflow: hidden; }
.step > h4 { margin: 0; padding: 7px 12px; font-size: 13px; font-weight: 600; background: var(--page); border-bottom: 1px solid var(--rule); display: flex; justify-content: space-between; gap: 12px; }
.step > h4 span { font-weight: 400; color: var(--soft-ink); }
.run { display: grid; grid-template-columns: 104px minmax(0, 1fr); border-left: 3px solid var(--o); }
.run + .run { border-top: 1px solid var(--grid); }
.run .who { padding: 6px 8px 6px 10px; font-size: 12px; line-height: 1.35; color: var(--o); font-weight: 600; }
.run .who small { display: block; font-weight: 400; font-size: 11px; color: var(--soft-ink); }
.run .said { min-width: 0; padding: 6px 12px; }
.run pre { margin: 0; line-height: 1.5; white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; unicode-bidi: plaintext; }
.run.prose pre { font-family: inherit; font-size: 14px; }
.run.trained .said { background: color-mix(in srgb, var(--o) var(--tint), transparent); }
.run.untrained { border-left-style: dotted; } .run.untrained pre { color: var(--soft-ink); }
.run.slim .who, .run.slim .said { padding-top: 2px; padding-bottom: 2px; } .run.slim pre, .run.slim .who { font-size: 11px; } .run.slim .who small { display: none; }
.token { padding: 0 4px; border: 1px solid var(--rule); border-radius: 4px; font-size: 11px; }
.all-alike .run { border-left-style: solid; } .all-alike .run pre { color: var(--ink); } .all-alike .run .said { background: color-mix(in srgb, var(--o) var(--tint), transparent); } .all-alike .who small { visibility: hidden; }
.more { margin: 6px 0 2px; padding: 3px 10px; border: 1px solid var(--rule); border-radius: 6px; background: var(--surface); color: var(--link); font: inherit; font-size: 12.5px; cursor: pointer; }
.more:hover { border-color: var(--link); }

.search { margin: 0; padding: 8px 12px 8px 13px; border-top: 1px solid var(--grid); background: var(--surface); } .search > summary b { color: var(--ink); font-weight: 600; }
p.search { color: var(--soft-ink); font-size: 13px; }
.search .scroll { max-height: none; margin-top: 8px; } .search table { font-size: 12.5px; } .search th, .search td { padding: 5px 6px; }
.search td { border-bottom: 0; border-top: 1px solid var(--rule); } .search tr.words td { border-top: 0; padding: 0 8px 10px; color: var(--soft-ink); white-space: pre-wrap; overflow-wrap: anywhere; line-height: 1.45; }
.search tr.kept td { background: color-mix(in srgb, var(--o-thought) var(--tint), transparent); } .search tr.kept.words td { color: var(--ink); }
.search td:first-child, .search th:first-child { padding-left: 8px; } .search td:last-child, .search th:last-child { padding-right: 8px; }
.search .role { font-weight: 600; white-space: nowrap; } .search .kept-mark { margin-left: 6px; padding: 0 6px; border-radius: 99px; background: var(--main); color: var(--surface); font-size: 11px; font-weight: 600; }
.search .gain-bar { display: inline-block; width: 30px; height: 8px; margin-left: 6px; vertical-align: baseline; }

@media (max-width: 760px) {
  .viewer-panes { grid-template-columns: minmax(0, 1fr); gap: 14px; } .viewer-panes nav { position: static; max-height: 260px; border-bottom: 1px solid var(--rule); padding-bottom: 8px; }
  .run { grid-template-columns: minmax(0, 1fr); } .run .who { padding-bottom: 0; } .run .who small { display: inline; margin-left: 6px; } .run .said { padding: 4px 10px 8px; }
  .run.trained .who { background: color-mix(in srgb, var(--o) var(--tint), transparent); }
  .search thead { display: none; } .search table, .search tbody, .search tr, .search td { display: block; }
  .search tr.scores { display: grid; grid-template-columns: 1fr 1fr; border-top: 1px solid var(--rule); padding-top: 4px; } .search tr.scores td { border: 0; padding: 2px 8px; text-align: left; white-space: normal; }
  .search tr.scores td[data-label]::before { content: attr(data-label) ' '; color: var(--soft-ink); font-size: 12px; } .search .gain-bar { display: none; }
}
`
