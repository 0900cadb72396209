// Finding: Enter goes there, `/` comes here. No form, since on some pages there is none.
'use strict';
(() => {
  const find = document.getElementById('find');
  if (!find) return;
  find.addEventListener('keydown', (event) => {
    if (event.key === 'Enter' && find.value.trim()) location.href = document.body.dataset.home + 'find?q=' + encodeURIComponent(find.value.trim());
  });
  document.addEventListener('keydown', (event) => {
    if (event.key !== '/' || event.target.closest('input, textarea, select')) return;
    find.focus();
    event.preventDefault();
  });
})();
