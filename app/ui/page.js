() => {
  document.documentElement.lang = 'ko';
  // A citation, a passage or a concept was chosen: a button that nobody sees carries its name to the server.
  document.addEventListener('click', event => {
    const target = event.target.closest?.('[data-ref], a[href^="#cite-"]');
    if (!target) return;
    event.preventDefault();
    event.stopPropagation();
    window.pilgiChosen = target.dataset.ref ?? target.getAttribute('href').slice(1);
    document.querySelector('#choose').click();
  }, true);
  // The lines that were cited come into view, without moving the page.
  new MutationObserver(() => {
    const note = document.querySelector('ol.note:not([data-shown])');
    const hit = note?.querySelector('.hit');
    if (!hit || !note.clientHeight) return;
    note.dataset.shown = '1';
    note.scrollTop = hit.offsetTop - note.offsetTop - note.clientHeight / 3;
  }).observe(document.body, {childList: true, subtree: true, attributes: true, attributeFilter: ['style', 'class']});
}
