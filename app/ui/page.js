() => {
  document.documentElement.lang = 'ko';
  let chosen = 0;
  // A citation, a passage or a concept was chosen: a button that nobody sees carries its name to the server.
  document.addEventListener('click', event => {
    const target = event.target.closest?.('[data-ref], a[href^="#cite-"]');
    if (!target) return;
    event.preventDefault();
    event.stopPropagation();
    window.pilgiChosen = target.dataset.ref ?? target.getAttribute('href').slice(1);
    document.querySelector('#choose').click();
    chosen = Date.now();
  }, true);
  // On a narrow page the note that was chosen opens below: go there.
  const show = () => {
    const place = document.querySelector('#note');
    if (!place?.offsetParent || Date.now() - chosen > 5000) return;
    chosen = 0;
    if (place.getBoundingClientRect().top > innerHeight * .8) place.scrollIntoView();
  };
  // An answer is read from its question on, until the reader scrolls.
  let asked = '', following = false;
  const follow = () => {
    const box = document.querySelector('#chat .bubble-wrap');
    const rows = box?.querySelectorAll('.user-row') ?? [];
    const last = rows[rows.length - 1];
    if (!last) return;
    const now = rows.length + last.textContent;
    following ||= now !== asked;
    asked = now;
    if (following) box.scrollTop += last.getBoundingClientRect().top - box.getBoundingClientRect().top - 8;
  };
  for (const kind of ['wheel', 'touchmove', 'pointerdown', 'keydown'])
    document.addEventListener(kind, event => { if (event.target.closest?.('#chat')) following = false; }, true);
  // A figure that was drawn where nobody saw it has the wrong measures.
  const seen = new WeakMap();
  const sized = new ResizeObserver(entries => {
    for (const {target, contentRect: {width}} of entries) {
      const before = seen.get(target);
      seen.set(target, width);
      if (width && before === 0 && target._fullLayout) window.Plotly?.Plots.resize(target).then(() => window.Plotly.redraw(target));
    }
  });
  const measure = () => {
    for (const plot of document.querySelectorAll('.js-plotly-plot')) if (!seen.has(plot)) {
      seen.set(plot, plot.clientWidth);
      sized.observe(plot);
    }
  };
  // The lines that were cited come into view, without moving the page.
  new MutationObserver(() => {
    follow();
    measure();
    show();
    const note = document.querySelector('ol.note:not([data-shown])');
    const hit = note?.querySelector('.hit');
    if (!hit || !note.clientHeight) return;
    note.dataset.shown = '1';
    note.scrollTop = hit.offsetTop - note.offsetTop - note.clientHeight / 3;
  }).observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['style', 'class']});
}
